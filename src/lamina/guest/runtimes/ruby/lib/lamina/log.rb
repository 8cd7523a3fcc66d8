# frozen_string_literal: true

require 'json'
require 'logger'

module Lamina
  # The function's log: `puts` and Logger, each message whole and with its invocation.
  #
  # The platform takes framed messages on a descriptor of its own: four bytes of type, four of length, eight of time in
  # microseconds, all big-endian, then the message.
  module Log
    TEXT_FRAME = 0xa55a0003
    JSON_FRAME = 0xa55a0002
    LEVELS = { 'TRACE' => 0, 'DEBUG' => 0, 'INFO' => 1, 'WARN' => 2, 'ERROR' => 3, 'FATAL' => 4 }.freeze

    class << self
      # The level below which a Logger says nothing, Logger's number of it; what it writes to; how it writes.
      attr_reader :level, :sink, :formatter

      # Have what a function prints and logs go to its log, as *environ* says: the format, the level, and where to.
      def take_over(environ)
        json = environ['AWS_LAMBDA_LOG_FORMAT']&.upcase == 'JSON'
        @level = LEVELS[environ['AWS_LAMBDA_LOG_LEVEL']&.upcase]
        @formatter = (json ? JsonFormatter : TextFormatter).new
        Logger.prepend(ToTheFunctionsLog)
        descriptor = environ.delete('_LAMBDA_TELEMETRY_LOG_FD')
        @sink = descriptor ? Frames.new(Integer(descriptor), json ? JSON_FRAME : TEXT_FRAME) : $stdout
        return unless descriptor && !json

        Kernel.define_method(:puts) { |*lines| Log.sink.write("#{lines.flatten.join("\n")}\n") }
      end

      # Say in the log that something failed, *message* saying what.
      def failure(message, failure)
        sink.write("#{message}\n")
        sink.write("#{JSON.pretty_generate(failure.to_h)}\n")
      end
    end

    # Writes each message as one frame.
    class Frames < Logger::LogDevice
      def initialize(descriptor, type)
        @file = IO.for_fd(descriptor, 'wb', autoclose: false)
        @file.sync = true
        @type = type
      end

      def write(message)
        now = Process.clock_gettime(Process::CLOCK_REALTIME, :microsecond)
        @file.write([@type, message.bytesize, now].pack('L>L>Q>') + message.b)
        message.bytesize
      end

      def reopen(*); end

      def close; end
    end

    # Logger's own format, with the request's id.
    class TextFormatter < Logger::Formatter
      FORMAT = "%.1s, [%s #%d] %5s %s -- %s: %s\n"

      def call(severity, time, progname, msg)
        format(FORMAT, severity, format_datetime(time), Process.pid, severity, $_global_aws_request_id, progname,
               msg2str(msg).encode(Encoding::UTF_8))
      end
    end

    # One object a message.
    class JsonFormatter < Logger::Formatter
      LOCATION = /\A(.+):(\d+):in [`'](.+)'\z/.freeze

      def call(severity, time, progname, msg)
        entry = { timestamp: time.utc.strftime('%Y-%m-%dT%H:%M:%S.%6NZ'), level: severity,
                  message: msg.is_a?(Exception) ? msg.message : msg2str(msg), requestId: $_global_aws_request_id }
        entry[:logger] = progname if progname
        entry.merge!(apart(msg)) if msg.is_a?(Exception)
        "#{JSON.generate(entry.compact)}\n"
      end

      private

      def apart(error)
        found = LOCATION.match(error.backtrace&.first)
        { errorType: error.class.to_s, errorMessage: error.message, stackTrace: error.backtrace || [],
          location: found && "#{found[1]}:#{found[3]}:#{found[2]}" }
      end
    end

    # Loggers that would write to standard output write to the function's log in its stead.
    module ToTheFunctionsLog
      def initialize(logdev, *rest, **options)
        return super unless logdev.nil? || logdev.equal?($stdout) || logdev.equal?($stderr)

        options[:level] ||= Log.level if Log.level
        super(Log.sink, *rest, **options)
        @default_formatter = Log.formatter
      end
    end
  end
end
