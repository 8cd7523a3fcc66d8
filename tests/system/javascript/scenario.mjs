// A function with two layers through its whole life, by the AWS SDK for JavaScript; prints what it saw, as JSON.
//
// The variable GIVEN has {"folder", "name", "runtime"}; the folder has code.zip, one.zip, two.zip (the next version of
// one.zip) and shared.zip.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as sdk from "@aws-sdk/client-lambda";

const { folder, name, runtime } = JSON.parse(process.env.GIVEN);
const client = new sdk.LambdaClient({ maxAttempts: 1 });
const archive = (file) => readFileSync(join(folder, `${file}.zip`));
const waiting = { client, maxWaitTime: 30, minDelay: 0.05, maxDelay: 0.2 };
const seen = {};

const publish = async (layer, file) => {
  const input = { LayerName: layer, Content: { ZipFile: archive(file) }, CompatibleRuntimes: [runtime] };
  return (await client.send(new sdk.PublishLayerVersionCommand(input))).LayerVersionArn;
};
const invoke = async (qualifier) => {
  const input = { FunctionName: name, Qualifier: qualifier, Payload: JSON.stringify({ asked: "by JavaScript" }) };
  const answer = await client.send(new sdk.InvokeCommand({ ...input, LogType: "Tail" }));
  return [answer.StatusCode, answer.ExecutedVersion, JSON.parse(Buffer.from(answer.Payload).toString())];
};
const refused = async (command) => {
  try {
    await client.send(command);
  } catch (error) {
    return [error.constructor.name, error.name, error.message, error.$metadata.httpStatusCode];
  }
  return null;
};
const updated = () => sdk.waitUntilFunctionUpdatedV2(waiting, { FunctionName: name });

const one = await publish(`${name}-own`, "one");
const shared = await publish(`${name}-shared`, "shared");
await client.send(new sdk.AddLayerVersionPermissionCommand({
  LayerName: `${name}-own`, VersionNumber: 1, StatementId: "all", Action: "lambda:GetLayerVersion", Principal: "*",
}));
const created = await client.send(new sdk.CreateFunctionCommand({
  FunctionName: name, Runtime: runtime, Handler: "index.handler", Role: "arn:aws:iam::000000000000:role/r",
  Code: { ZipFile: archive("code") }, Layers: [one, shared], Tags: { made: "here" }, Timeout: 10,
}));
seen.created = [created.State, created.StateReasonCode, created.Layers.map((layer) => layer.Arn)];
await sdk.waitUntilFunctionActiveV2(waiting, { FunctionName: name });
seen.first = await invoke();

const version = await client.send(new sdk.PublishVersionCommand({ FunctionName: name, Description: "first" }));
await client.send(new sdk.CreateAliasCommand({ FunctionName: name, Name: "live", FunctionVersion: version.Version }));
await client.send(new sdk.AddPermissionCommand({
  FunctionName: name, Qualifier: "live", StatementId: "s3", Action: "lambda:InvokeFunction",
  Principal: "s3.amazonaws.com", SourceArn: "arn:aws:s3:::bucket",
}));
const policy = await client.send(new sdk.GetPolicyCommand({ FunctionName: name, Qualifier: "live" }));
seen.policy = JSON.parse(policy.Policy).Statement.map((statement) => [statement.Sid, statement.Resource]);

const two = await publish(`${name}-own`, "two");
const answer = await client.send(new sdk.UpdateFunctionConfigurationCommand({
  FunctionName: name, Layers: [two, shared], Environment: { Variables: { NAME: "value" } },
}));
seen.updating = [answer.LastUpdateStatus, answer.Layers.map((layer) => layer.Arn)];
await updated();
seen.latest = await invoke();
seen.live = await invoke("live");

const next = await client.send(new sdk.PublishVersionCommand({ FunctionName: name }));
await client.send(new sdk.UpdateAliasCommand({
  FunctionName: name, Name: "live", FunctionVersion: next.Version,
  RoutingConfig: { AdditionalVersionWeights: { [version.Version]: 0 } },
}));
seen.moved = await invoke("live");
seen.alias = (await client.send(new sdk.GetAliasCommand({ FunctionName: name, Name: "live" }))).RoutingConfig;

const pages = [];
const paging = { client, pageSize: 1 };
for await (const page of sdk.paginateListVersionsByFunction(paging, { FunctionName: name })) {
  pages.push(page.Versions.map((each) => each.Version));
}
for await (const page of sdk.paginateListLayerVersions(paging, { LayerName: `${name}-own` })) {
  pages.push(page.LayerVersions.map((each) => each.Version));
}
seen.pages = pages;
seen.tags = (await client.send(new sdk.ListTagsCommand({ Resource: created.FunctionArn }))).Tags;

seen.refusals = [
  await refused(new sdk.GetFunctionCommand({ FunctionName: `${name}-missing` })),
  await refused(new sdk.CreateAliasCommand({ FunctionName: name, Name: "live", FunctionVersion: "1" })),
  await refused(new sdk.UpdateAliasCommand({ FunctionName: name, Name: "live", RevisionId: "wrong" })),
  await refused(new sdk.GetFunctionCommand({ FunctionName: "*" })),
];

await client.send(new sdk.DeleteAliasCommand({ FunctionName: name, Name: "live" }));
seen.deleted = (await client.send(new sdk.DeleteFunctionCommand({ FunctionName: name }))).$metadata.httpStatusCode;
for (const arn of [one, two, shared]) {
  const [layer, number] = arn.split(":").slice(6);
  await client.send(new sdk.DeleteLayerVersionCommand({ LayerName: layer, VersionNumber: Number(number) }));
}
console.log(JSON.stringify(seen));
