# Layers and functions by name, their archives in S3, roles in IAM: all of it at one endpoint, and no account needed.
#
#   pip install 'lamina[aws]' && lamina up
#   export AWS_ENDPOINT_URL=http://127.0.0.1:4566
#   terraform init && terraform apply -var-file=mine.tfvars.json
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

variable "name" {
  type    = string
  default = "example"
}

variable "runtime" {
  type    = string
  default = "python3.12"
}

# Paths of archives, by the names of their layers.
variable "layers" {
  type = map(string)
}

variable "functions" {
  type = map(object({
    archive = string
    layers  = list(string)
    memory  = optional(number, 128)
  }))
}

provider "aws" {
  region            = "us-east-1"
  access_key        = "test"
  secret_key        = "test"
  s3_use_path_style = true
}

data "aws_caller_identity" "here" {}

resource "aws_s3_bucket" "archives" {
  bucket        = "${var.name}-archives"
  force_destroy = true
}

resource "aws_s3_object" "layer" {
  for_each = var.layers

  bucket      = aws_s3_bucket.archives.id
  key         = "layers/${each.key}.zip"
  source      = each.value
  source_hash = filemd5(each.value)
}

resource "aws_lambda_layer_version" "all" {
  for_each = var.layers

  layer_name          = "${var.name}-${each.key}"
  s3_bucket           = aws_s3_object.layer[each.key].bucket
  s3_key              = aws_s3_object.layer[each.key].key
  source_code_hash    = filebase64sha256(each.value)
  compatible_runtimes = [var.runtime]
}

resource "aws_lambda_layer_version_permission" "all" {
  for_each = aws_lambda_layer_version.all

  layer_name     = each.value.layer_name
  version_number = each.value.version
  statement_id   = "friend"
  action         = "lambda:GetLayerVersion"
  principal      = "111122223333"
}

resource "aws_iam_role" "functions" {
  name = "${var.name}-functions"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.functions.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

module "function" {
  source   = "./function"
  for_each = var.functions

  name    = "${var.name}-${each.key}"
  runtime = var.runtime
  archive = each.value.archive
  bucket  = aws_s3_bucket.archives.id
  memory  = each.value.memory
  role    = aws_iam_role.functions.arn
  layers  = [for layer in each.value.layers : aws_lambda_layer_version.all[layer].arn]
  account = data.aws_caller_identity.here.account_id
}

output "arns" {
  value = join(" ", [for function in module.function : function.arn])
}
