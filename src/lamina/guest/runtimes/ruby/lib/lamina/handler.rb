# frozen_string_literal: true

module Lamina
  # What a function's setting names: "file.method", or "file.Class.method" with Class in any module.
  class Handler
    # The handler that *setting* names, its file loaded. Raises ArgumentError, LoadError, and what the file raises.
    def self.load(setting)
      file, *names = setting.split('.')
      unless [1, 2].include?(names.size)
        raise ArgumentError,
              "Invalid handler #{setting.split('.')}, must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD where " \
              'FILENAME corresponds with an existing Ruby source file FILENAME.rb, CLASS is an optional module/class ' \
              'namespace and METHOD is a callable method. If using CLASS, METHOD must be a class-level method.'
      end
      require file
      new(*names)
    end

    def initialize(*owner, method)
      @owner = owner.first
      @method = method
    end

    # What the handler makes of *invocation*: [bytes, content type]. Raises what it raises.
    def call(invocation)
      event = AwsLambda::Marshaller.marshall_request(Request.new(invocation))
      given = { event: event, context: LambdaContext.new(invocation) }
      # A method outside of any class is everybody's, and private.
      receiver = @owner ? Kernel.const_get(@owner) : TOPLEVEL_BINDING.receiver
      response, content_type = AwsLambda::Marshaller.marshall_response(receiver.__send__(@method, **given))
      response = response.read if response.respond_to?(:read)
      [response, content_type || RuntimeApi::JSON_TYPE]
    end

    # An invocation as a user's own Marshaller takes it: its body, and headers by any spelling.
    class Request
      attr_reader :body

      def initialize(invocation)
        @headers = invocation.headers
        @body = invocation.body
      end

      def [](name)
        @headers[name.downcase]
      end
    end
  end
end
