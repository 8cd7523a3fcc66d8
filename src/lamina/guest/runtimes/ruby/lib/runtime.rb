# frozen_string_literal: true

# The runtime client of Ruby: loads a function's file and answers invocations with its handler.
#
# What it calls by AWS's names, functions may use: LambdaContext, AwsLambda::Marshaller, $_global_aws_request_id.

require 'json'
require_relative 'lamina/client'

# The variables name a locale that not every machine has.
Encoding.default_external = Encoding::UTF_8
$stdout.sync = true

Lamina::Client.new(ENV).run
