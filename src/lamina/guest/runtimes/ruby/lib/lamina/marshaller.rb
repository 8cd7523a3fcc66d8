# frozen_string_literal: true

require 'json'
require 'stringio'

module AwsLambda
  # How an event is read and an answer written; both methods are there to be replaced by a function's own.
  class Marshaller
    class << self
      # The event of *raw_request*: its body, parsed where it is JSON.
      def marshall_request(raw_request)
        raw_request['Content-Type'] == 'application/json' ? JSON.parse(raw_request.body) : raw_request.body
      end

      # The answer for what a handler returned: JSON, or the content of a stream with another type beside it.
      def marshall_response(method_response)
        case method_response
        when StringIO, IO then [method_response, 'application/unknown']
        else method_response.to_json
        end
      end
    end
  end
end
