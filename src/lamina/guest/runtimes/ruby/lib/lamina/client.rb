# frozen_string_literal: true

require_relative 'connection'
require_relative 'context'
require_relative 'failure'
require_relative 'handler'
require_relative 'log'
require_relative 'marshaller'
require_relative 'runtime_api'

module Lamina
  # A runtime's life: load the function, then ask for an invocation, have the handler answer it, ask again.
  class Client
    # AWS's statuses, as their client gives them to exit.
    NO_FUNCTION = -4
    NO_RUNTIME_API = -2
    BROKEN = -1

    # *environ* is the process's variables.
    def initialize(environ)
      @environ = environ
      @api = RuntimeApi.new(Connection.new(environ.fetch('AWS_LAMBDA_RUNTIME_API')))
    end

    # Be the runtime; ends the process.
    def run
      Log.take_over(@environ)
      handler = load
      loop { answer(handler, @api.next_invocation) }
    rescue SignalException
      # Asked to end, with nothing to be lost.
      exit(0)
    rescue RuntimeApi::Gone => e
      warn(e.message)
      exit(NO_RUNTIME_API)
    end

    private

    def load
      root = @environ.fetch('LAMBDA_TASK_ROOT')
      $LOAD_PATH.unshift(root) unless $LOAD_PATH.include?(root)
      Handler.load(@environ.fetch('_HANDLER'))
    rescue Exception => e # A file may raise anything as it loads, SystemExit and SyntaxError among it.
      failure = Failure.of(e, 'Init')
      Log.failure("Init error when loading handler #{@environ['_HANDLER']}", failure)
      @api.init_error(failure)
      exit(NO_FUNCTION)
    end

    def answer(handler, invocation)
      enter(invocation)
      response, content_type = handler.call(invocation)
      @api.respond(invocation.request_id, response, content_type)
    rescue RuntimeApi::Gone
      raise
    rescue NameError => e
      # A name that nothing has: the code is wrong, and AWS gives such a process no further chance. NoMethodError is one.
      fail_for_good(invocation, e)
    rescue StandardError => e
      say('Error raised from handler method', invocation, e)
    rescue Exception => e
      fail_for_good(invocation, e)
    end

    def enter(invocation)
      $_global_aws_request_id = invocation.request_id
      trace = invocation['lambda-runtime-trace-id']
      @environ['_X_AMZN_TRACE_ID'] = trace if trace
    end

    def fail_for_good(invocation, error)
      say('Critical exception from handler', invocation, error)
      exit(BROKEN)
    end

    def say(message, invocation, error)
      failure = Failure.of(error, 'Function')
      Log.failure(message, failure)
      @api.respond_error(invocation.request_id, failure)
    end
  end
end
