BEGIN TRANSACTION;
CREATE TABLE account_totals (
	account VARCHAR(140) NOT NULL, 
	region VARCHAR(140) NOT NULL, 
	functions INTEGER NOT NULL, 
	code_bytes BIGINT NOT NULL, 
	CONSTRAINT pk_account_totals PRIMARY KEY (account, region)
)
 WITHOUT ROWID

;
INSERT INTO "account_totals" VALUES('000000000000','us-east-1',1,1002);
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE aliases (
	account VARCHAR(140) NOT NULL, 
	region VARCHAR(140) NOT NULL, 
	name VARCHAR(140) NOT NULL, 
	alias VARCHAR(140) NOT NULL, 
	number INTEGER NOT NULL, 
	description TEXT NOT NULL, 
	additional_number INTEGER, 
	additional_weight FLOAT, 
	revision_id VARCHAR(36) NOT NULL, 
	CONSTRAINT pk_aliases PRIMARY KEY (account, region, name, alias), 
	CONSTRAINT fk_aliases_functions FOREIGN KEY(account, region, name) REFERENCES functions (account, region, name) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "aliases" VALUES('000000000000','us-east-1','kept','live',2,'',1,0.25,'136c47dd-ad82-4d5e-939d-86fb8b96015f');
CREATE TABLE code_signing_configs (
	account VARCHAR(140) NOT NULL, 
	region VARCHAR(140) NOT NULL, 
	id VARCHAR(140) NOT NULL, 
	document JSON NOT NULL, 
	CONSTRAINT pk_code_signing_configs PRIMARY KEY (account, region, id)
)
 WITHOUT ROWID

;
INSERT INTO "code_signing_configs" VALUES('000000000000','us-east-1','csc-7tg44dqr7i1nf9ayl','{"Description": "", "AllowedPublishers": {"SigningProfileVersionArns": ["arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/1"]}, "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": "Warn"}, "LastModified": "2026-11-21T20:53:27.912+0000"}');
CREATE TABLE event_source_mappings (
	account VARCHAR(140) NOT NULL, 
	region VARCHAR(140) NOT NULL, 
	id VARCHAR(140) NOT NULL, 
	function VARCHAR(140) NOT NULL, 
	source TEXT, 
	document JSON NOT NULL, 
	CONSTRAINT pk_event_source_mappings PRIMARY KEY (account, region, id)
)
 WITHOUT ROWID

;
INSERT INTO "event_source_mappings" VALUES('000000000000','us-east-1','c32a6cd1-eb83-4488-b023-852b097c057e','kept','arn:aws:sqs:us-east-1:000000000000:queue','{"BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": [], "EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:queue", "UUID": "c32a6cd1-eb83-4488-b023-852b097c057e", "EventSourceMappingArn": "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:c32a6cd1-eb83-4488-b023-852b097c057e", "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:kept", "LastModified": 1795294408.0841444, "State": "Disabled", "StateTransitionReason": "USER_INITIATED"}');
CREATE TABLE events (
	id VARCHAR(36) NOT NULL, 
	account VARCHAR(140) NOT NULL, 
	region VARCHAR(140) NOT NULL, 
	function VARCHAR(140) NOT NULL, 
	qualifier VARCHAR(140), 
	payload BLOB NOT NULL, 
	attempts INTEGER NOT NULL, 
	received_at FLOAT NOT NULL, 
	due_at FLOAT NOT NULL, 
	trace_header TEXT, 
	client_context TEXT, 
	CONSTRAINT pk_events PRIMARY KEY (id)
);
INSERT INTO "events" VALUES('7ad98b04-5ab7-486b-937d-352a6d12b099','000000000000','us-east-1','kept',NULL,X'226661696C22',1,1.79529440830090928076e+09,0.0,'Root=1-6b0204c8-c2d2faa6f90cb5f95bc840fd;Parent=978105d56daa4966;Sampled=0',NULL);
CREATE TABLE function_counters (
	account VARCHAR(140) NOT NULL, 
	region VARCHAR(140) NOT NULL, 
	name VARCHAR(140) NOT NULL, 
	published INTEGER NOT NULL, 
	CONSTRAINT pk_function_counters PRIMARY KEY (account, region, name)
)
 WITHOUT ROWID

;
INSERT INTO "function_counters" VALUES('000000000000','us-east-1','kept',2);
CREATE TABLE function_layers (
	account VARCHAR(140) NOT NULL, 
	region VARCHAR(140) NOT NULL, 
	name VARCHAR(140) NOT NULL, 
	number INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	layer_account VARCHAR(140) NOT NULL, 
	layer_region VARCHAR(140) NOT NULL, 
	layer_name VARCHAR(140) NOT NULL, 
	layer_number INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	zipped_bytes BIGINT NOT NULL, 
	unzipped_bytes BIGINT NOT NULL, 
	CONSTRAINT pk_function_layers PRIMARY KEY (account, region, name, number, position), 
	CONSTRAINT fk_function_layers_function_versions FOREIGN KEY(account, region, name, number) REFERENCES function_versions (account, region, name, number) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "function_layers" VALUES('000000000000','us-east-1','kept',0,0,'000000000000','us-east-1','base',2,'327fd02944417f97d9252e7f2df7944025138ac9d7f80812285752200040e518',141,13);
INSERT INTO "function_layers" VALUES('000000000000','us-east-1','kept',1,0,'000000000000','us-east-1','base',2,'327fd02944417f97d9252e7f2df7944025138ac9d7f80812285752200040e518',141,13);
INSERT INTO "function_layers" VALUES('000000000000','us-east-1','kept',2,0,'000000000000','us-east-1','base',2,'327fd02944417f97d9252e7f2df7944025138ac9d7f80812285752200040e518',141,13);
CREATE TABLE function_policies (
	account VARCHAR(140) NOT NULL, 
	region VARCHAR(140) NOT NULL, 
	name VARCHAR(140) NOT NULL, 
	qualifier VARCHAR(140) NOT NULL, 
	statements JSON NOT NULL, 
	revision_id VARCHAR(36) NOT NULL, 
	CONSTRAINT pk_function_policies PRIMARY KEY (account, region, name, qualifier), 
	CONSTRAINT fk_function_policies_functions FOREIGN KEY(account, region, name) REFERENCES functions (account, region, name) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "function_policies" VALUES('000000000000','us-east-1','kept','live','["{\"Sid\":\"s3\",\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"s3.amazonaws.com\"},\"Action\":\"lambda:InvokeFunction\",\"Resource\":\"arn:aws:lambda:us-east-1:000000000000:function:kept:live\"}"]','645885cf-921b-473d-8f9d-b4b6808f8615');
CREATE TABLE function_settings (
	account VARCHAR(140) NOT NULL, 
	region VARCHAR(140) NOT NULL, 
	kind VARCHAR(140) NOT NULL, 
	name VARCHAR(140) NOT NULL, 
	qualifier VARCHAR(140) NOT NULL, 
	document JSON NOT NULL, 
	target VARCHAR(140), 
	CONSTRAINT pk_function_settings PRIMARY KEY (account, region, kind, name, qualifier), 
	CONSTRAINT fk_function_settings_functions FOREIGN KEY(account, region, name) REFERENCES functions (account, region, name) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "function_settings" VALUES('000000000000','us-east-1','code-signing','kept','','{}','csc-7tg44dqr7i1nf9ayl');
INSERT INTO "function_settings" VALUES('000000000000','us-east-1','concurrency','kept','','{"reserved": 5}',NULL);
INSERT INTO "function_settings" VALUES('000000000000','us-east-1','event-invoke','kept','$LATEST','{"modified": 1795294408.0593798, "retries": 1, "age_s": null, "on_success": null, "on_failure": null}',NULL);
INSERT INTO "function_settings" VALUES('000000000000','us-east-1','recursion','kept','','{"loop": "Allow"}',NULL);
INSERT INTO "function_settings" VALUES('000000000000','us-east-1','url','kept','','{"auth": "NONE", "mode": "BUFFERED", "cors": null, "created": "2026-11-21T20:53:28.063+0000", "modified": "2026-11-21T20:53:28.063+0000"}','8rzm7w5cl4p0r3vis60q27toh9z5uvls');
CREATE TABLE function_versions (
	account VARCHAR(140) NOT NULL, 
	region VARCHAR(140) NOT NULL, 
	name VARCHAR(140) NOT NULL, 
	number INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	zipped_bytes BIGINT NOT NULL, 
	unzipped_bytes BIGINT NOT NULL, 
	configuration JSON NOT NULL, 
	status JSON NOT NULL, 
	settled BOOLEAN NOT NULL, 
	revision_id VARCHAR(36) NOT NULL, 
	last_modified VARCHAR(40) NOT NULL, 
	published_from TEXT, 
	CONSTRAINT pk_function_versions PRIMARY KEY (account, region, name, number), 
	CONSTRAINT fk_function_versions_functions FOREIGN KEY(account, region, name) REFERENCES functions (account, region, name) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "function_versions" VALUES('000000000000','us-east-1','kept',0,'1f0037e0dc9bcd78a3a28ad926a42ed8a062d1d6852365bd58bcc327da693584',240,160,'{"runtime": "python3.12", "handler": "index.handler", "role": "arn:aws:iam::000000000000:role/lambda-role", "description": "second", "timeout_s": 20, "memory_mb": 128, "storage_mb": 512, "environment": [["COLOUR", "blue"]], "architecture": "x86_64", "logging": {"format": "Text", "group": null, "application_level": null, "system_level": null}, "vpc": null, "dead_letter": null, "kms_key": null, "tracing": "PassThrough", "file_systems": [], "snap_start": "None", "image": null}','{"state": "Active", "update": "Successful", "reason": null, "reason_code": null}',1,'655af38e-557f-42c0-8d1e-fad86b798b6e','2026-11-21T20:53:28.004+0000',NULL);
INSERT INTO "function_versions" VALUES('000000000000','us-east-1','kept',1,'1f0037e0dc9bcd78a3a28ad926a42ed8a062d1d6852365bd58bcc327da693584',240,160,'{"runtime": "python3.12", "handler": "index.handler", "role": "arn:aws:iam::000000000000:role/lambda-role", "description": "first", "timeout_s": 20, "memory_mb": 128, "storage_mb": 512, "environment": [["COLOUR", "blue"]], "architecture": "x86_64", "logging": {"format": "Text", "group": null, "application_level": null, "system_level": null}, "vpc": null, "dead_letter": null, "kms_key": null, "tracing": "PassThrough", "file_systems": [], "snap_start": "None", "image": null}','{"state": "Active", "update": "Successful", "reason": null, "reason_code": null}',1,'802caf9c-2abf-44fe-8015-df5584b714e0','2026-11-21T20:53:27.990+0000','first');
INSERT INTO "function_versions" VALUES('000000000000','us-east-1','kept',2,'1f0037e0dc9bcd78a3a28ad926a42ed8a062d1d6852365bd58bcc327da693584',240,160,'{"runtime": "python3.12", "handler": "index.handler", "role": "arn:aws:iam::000000000000:role/lambda-role", "description": "second", "timeout_s": 20, "memory_mb": 128, "storage_mb": 512, "environment": [["COLOUR", "blue"]], "architecture": "x86_64", "logging": {"format": "Text", "group": null, "application_level": null, "system_level": null}, "vpc": null, "dead_letter": null, "kms_key": null, "tracing": "PassThrough", "file_systems": [], "snap_start": "None", "image": null}','{"state": "Active", "update": "Successful", "reason": null, "reason_code": null}',1,'6d2272e8-aba3-4eef-8e13-4e061158b3e2','2026-11-21T20:53:28.022+0000','second');
CREATE TABLE functions (
	account VARCHAR(140) NOT NULL, 
	region VARCHAR(140) NOT NULL, 
	name VARCHAR(140) NOT NULL, 
	tags JSON NOT NULL, 
	CONSTRAINT pk_functions PRIMARY KEY (account, region, name)
)
 WITHOUT ROWID

;
INSERT INTO "functions" VALUES('000000000000','us-east-1','kept','{"stage": "test"}');
CREATE TABLE layer_policies (
	account VARCHAR(140) NOT NULL, 
	region VARCHAR(140) NOT NULL, 
	name VARCHAR(140) NOT NULL, 
	number INTEGER NOT NULL, 
	statements JSON NOT NULL, 
	revision_id VARCHAR(36) NOT NULL, 
	CONSTRAINT pk_layer_policies PRIMARY KEY (account, region, name, number), 
	CONSTRAINT fk_layer_policies_layer_versions FOREIGN KEY(account, region, name, number) REFERENCES layer_versions (account, region, name, number) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "layer_policies" VALUES('000000000000','us-east-1','base',2,'["{\"Sid\":\"all\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"lambda:GetLayerVersion\",\"Resource\":\"arn:aws:lambda:us-east-1:000000000000:layer:base:2\"}"]','8c06ed9c-28ba-48ca-82ff-d54443768a4f');
CREATE TABLE layer_versions (
	account VARCHAR(140) NOT NULL, 
	region VARCHAR(140) NOT NULL, 
	name VARCHAR(140) NOT NULL, 
	number INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	zipped_bytes BIGINT NOT NULL, 
	unzipped_bytes BIGINT NOT NULL, 
	created VARCHAR(40) NOT NULL, 
	description TEXT, 
	runtimes TEXT, 
	architectures TEXT, 
	license_info TEXT, 
	CONSTRAINT pk_layer_versions PRIMARY KEY (account, region, name, number), 
	CONSTRAINT fk_layer_versions_layers FOREIGN KEY(account, region, name) REFERENCES layers (account, region, name)
)
 WITHOUT ROWID

;
INSERT INTO "layer_versions" VALUES('000000000000','us-east-1','base',1,'5790d59769a873aae2016cb2aa1c24734c404128ab94385f149c26ffbe6e4861',141,13,'2026-11-21T20:53:27.770+0000','one',',python3.12,',NULL,NULL);
INSERT INTO "layer_versions" VALUES('000000000000','us-east-1','base',2,'327fd02944417f97d9252e7f2df7944025138ac9d7f80812285752200040e518',141,13,'2026-11-21T20:53:27.796+0000','two',',python3.12,',NULL,NULL);
CREATE TABLE layers (
	account VARCHAR(140) NOT NULL, 
	region VARCHAR(140) NOT NULL, 
	name VARCHAR(140) NOT NULL, 
	published INTEGER NOT NULL, 
	CONSTRAINT pk_layers PRIMARY KEY (account, region, name)
)
 WITHOUT ROWID

;
INSERT INTO "layers" VALUES('000000000000','us-east-1','base',3);
CREATE TABLE resource_tags (
	account VARCHAR(140) NOT NULL, 
	region VARCHAR(140) NOT NULL, 
	resource VARCHAR(140) NOT NULL, 
	tags JSON NOT NULL, 
	CONSTRAINT pk_resource_tags PRIMARY KEY (account, region, resource)
)
 WITHOUT ROWID

;
INSERT INTO "resource_tags" VALUES('000000000000','us-east-1','code-signing-config:csc-7tg44dqr7i1nf9ayl','{"team": "one"}');
CREATE TABLE secrets (
	name VARCHAR(140) NOT NULL, 
	value BLOB NOT NULL, 
	CONSTRAINT pk_secrets PRIMARY KEY (name)
)
 WITHOUT ROWID

;
INSERT INTO "secrets" VALUES('content',X'4C591D237F247C894E6D27D565BCD1B37E37B1C8CB41F1877670620DE39EA984');
CREATE INDEX ix_events_due_at ON events (due_at);
CREATE INDEX ix_layer_versions_digest ON layer_versions (digest);
CREATE INDEX ix_function_versions_unsettled ON function_versions (account, region, name, number) WHERE settled = 0;
CREATE INDEX ix_function_versions_digest ON function_versions (digest);
CREATE INDEX ix_function_settings_target ON function_settings (kind, target);
CREATE INDEX ix_function_settings_function ON function_settings (account, region, name);
CREATE INDEX ix_function_layers_layer ON function_layers (layer_account, layer_region, layer_name, layer_number);
CREATE INDEX ix_function_layers_digest ON function_layers (digest);
COMMIT;
