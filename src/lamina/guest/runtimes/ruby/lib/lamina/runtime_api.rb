# frozen_string_literal: true

require 'json'

module Lamina
  # The Runtime API, version 2018-06-01, as calls. All raise Gone when it cannot be reached any more.
  class RuntimeApi
    class Gone < StandardError; end

    # One event to answer: what its request's headers say by name in lower case, and its *body* as it came.
    Invocation = Struct.new(:headers, :body) do
      def request_id
        self['lambda-runtime-aws-request-id']
      end

      def [](name)
        headers[name]
      end
    end

    ROOT = '/2018-06-01/runtime'
    AGENT = { 'User-Agent' => "lamina-ruby/#{RUBY_VERSION}" }.freeze
    JSON_TYPE = 'application/json'
    # What is too large is the platform's to report.
    ACCEPTED = [202, 413].freeze

    def initialize(connection)
      @connection = connection
    end

    # Waits for the next Invocation.
    def next_invocation
      answer = exchange('GET', "#{ROOT}/invocation/next", AGENT)
      raise Gone, "Received #{answer.status} when waiting for next invocation." unless answer.status == 200

      Invocation.new(answer.headers, answer.body)
    end

    # Answer *request_id* with the bytes of *response*, of *content_type*.
    def respond(request_id, response, content_type)
      post("#{ROOT}/invocation/#{request_id}/response", response, 'Content-Type' => content_type)
    end

    # Say that *request_id* failed.
    def respond_error(request_id, failure)
      post_failure("#{ROOT}/invocation/#{request_id}/error", failure)
    end

    # Say that there will be no invocations.
    def init_error(failure)
      post_failure("#{ROOT}/init/error", failure)
    end

    private

    def post_failure(path, failure)
      type = failure.type_for_header
      post(path, failure.to_h.to_json, 'Content-Type' => JSON_TYPE, 'Lambda-Runtime-Function-Error-Type' => type)
    end

    def post(path, body, headers)
      answer = exchange('POST', path, { **AGENT, **headers }, body)
      raise Gone, "#{path} was refused: HTTP #{answer.status} #{answer.body}" unless ACCEPTED.include?(answer.status)
    end

    def exchange(...)
      @connection.exchange(...)
    rescue SystemCallError, IOError => e
      raise Gone, "The Runtime API is gone: #{e.message}"
    end
  end
end
