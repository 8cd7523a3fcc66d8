# One function from an archive in S3, that a bucket's events may invoke.

variable "name" {
  type = string
}

variable "runtime" {
  type = string
}

variable "archive" {
  type = string
}

variable "bucket" {
  type = string
}

variable "memory" {
  type = number
}

variable "role" {
  type = string
}

variable "layers" {
  type = list(string)
}

variable "account" {
  type = string
}

resource "aws_s3_object" "code" {
  bucket      = var.bucket
  key         = "functions/${var.name}.zip"
  source      = var.archive
  source_hash = filemd5(var.archive)
}

resource "aws_lambda_function" "this" {
  function_name    = var.name
  role             = var.role
  handler          = "index.handler"
  runtime          = var.runtime
  memory_size      = var.memory
  s3_bucket        = aws_s3_object.code.bucket
  s3_key           = aws_s3_object.code.key
  source_code_hash = filebase64sha256(var.archive)
  layers           = var.layers
}

resource "aws_lambda_permission" "bucket" {
  statement_id   = "bucket"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.this.function_name
  principal      = "s3.amazonaws.com"
  source_account = var.account
}

output "arn" {
  value = aws_lambda_function.this.arn
}
