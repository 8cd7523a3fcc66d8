# A function with two layers, everything about it that Lamina answers for, and nothing that needs an account.
#
#   export AWS_ENDPOINT_URL=http://127.0.0.1:4566
#   terraform init && terraform apply -var layer_zip=layer.zip -var shared_zip=shared.zip -var code_zip=code.zip
#
# docs/TERRAFORM.md says what each of the provider's settings is for.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

variable "layer_zip" {
  type = string
}

variable "shared_zip" {
  type = string
}

variable "code_zip" {
  type = string
}

variable "runtime" {
  type    = string
  default = "python3.12"
}

variable "name" {
  type    = string
  default = "example"
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

locals {
  account = "000000000000"
}

resource "aws_lambda_layer_version" "own" {
  layer_name          = "${var.name}-own"
  filename            = var.layer_zip
  source_code_hash    = filebase64sha256(var.layer_zip)
  compatible_runtimes = [var.runtime]
}

resource "aws_lambda_layer_version" "shared" {
  layer_name          = "${var.name}-shared"
  filename            = var.shared_zip
  source_code_hash    = filebase64sha256(var.shared_zip)
  compatible_runtimes = [var.runtime]
}

resource "aws_lambda_layer_version_permission" "shared" {
  layer_name     = aws_lambda_layer_version.shared.layer_name
  version_number = aws_lambda_layer_version.shared.version
  statement_id   = "everybody"
  principal      = "*"
  action         = "lambda:GetLayerVersion"
}

resource "aws_lambda_function" "this" {
  function_name                  = var.name
  role                           = "arn:aws:iam::${local.account}:role/example"
  runtime                        = var.runtime
  handler                        = "index.handler"
  filename                       = var.code_zip
  source_code_hash               = filebase64sha256(var.code_zip)
  layers                         = [aws_lambda_layer_version.own.arn, aws_lambda_layer_version.shared.arn]
  publish                        = true
  reserved_concurrent_executions = 5
  code_signing_config_arn        = aws_lambda_code_signing_config.this.arn
  tags                           = { team = "layers" }

  environment {
    variables = { GREETING = "hello" }
  }

  # Kept and shown, as templates must deploy; docs/OPERATIONS.md says that it has no effect here.
  vpc_config {
    subnet_ids         = ["subnet-0123456789abcdef0"]
    security_group_ids = ["sg-0123456789abcdef0"]
  }

  dead_letter_config {
    target_arn = "arn:aws:sqs:us-east-1:${local.account}:failed"
  }

  tracing_config {
    mode = "Active"
  }
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}

resource "aws_lambda_permission" "bucket" {
  statement_id  = "bucket"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "s3.amazonaws.com"
  source_arn    = "arn:aws:s3:::bucket"
}

resource "aws_lambda_provisioned_concurrency_config" "live" {
  function_name                     = aws_lambda_alias.live.function_name
  qualifier                         = aws_lambda_alias.live.name
  provisioned_concurrent_executions = 1
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  maximum_retry_attempts       = 1
  maximum_event_age_in_seconds = 60
}

resource "aws_lambda_function_url" "live" {
  function_name      = aws_lambda_alias.live.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = "NONE"

  cors {
    allow_origins = ["*"]
    allow_methods = ["GET"]
    max_age       = 5
  }
}

resource "aws_lambda_code_signing_config" "this" {
  allowed_publishers {
    signing_profile_version_arns = ["arn:aws:signer:us-east-1:${local.account}:/signing-profiles/example/0123456789"]
  }

  policies {
    untrusted_artifact_on_deployment = "Warn"
  }
}

resource "aws_lambda_event_source_mapping" "queue" {
  event_source_arn = "arn:aws:sqs:us-east-1:${local.account}:work"
  function_name    = aws_lambda_function.this.arn
  batch_size       = 5
}

resource "aws_lambda_event_source_mapping" "stream" {
  event_source_arn  = "arn:aws:kinesis:us-east-1:${local.account}:stream/work"
  function_name     = aws_lambda_function.this.arn
  starting_position = "LATEST"
}

resource "aws_lambda_runtime_management_config" "this" {
  function_name     = aws_lambda_function.this.function_name
  update_runtime_on = "FunctionUpdate"
}

resource "aws_lambda_function_recursion_config" "this" {
  function_name  = aws_lambda_function.this.function_name
  recursive_loop = "Allow"
}

output "url" {
  value = aws_lambda_function_url.live.function_url
}

output "version" {
  value = aws_lambda_function.this.version
}
