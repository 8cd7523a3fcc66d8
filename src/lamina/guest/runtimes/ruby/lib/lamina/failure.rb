# frozen_string_literal: true

module Lamina
  # An exception as callers and the log are shown it.
  class Failure
    FRAMES_MAX = 100
    OWN_FOLDER = File.dirname(__FILE__, 2)
    # The types that AWS names in the header; any other is a user's, and told in the body alone.
    NAMED = %w[
      ArgumentError NoMethodError Exception StandardError NameError LoadError SystemExit SystemStackError
    ].freeze

    # What *error* is in *phase*, "Init" or "Function".
    def self.of(error, phase)
      frames = (error.backtrace_locations || []).first(FRAMES_MAX).map(&:to_s)
      # Below the first frame of the client's own there is nothing of the function's.
      new(error, phase, frames.take_while { |frame| !frame.start_with?(OWN_FOLDER) })
    end

    def initialize(error, phase, frames)
      @class = error.class.to_s
      @type = "#{phase}<#{@class}>"
      @message = error.message.dup.force_encoding(Encoding::UTF_8).scrub
      @frames = frames
    end

    def to_h
      { errorMessage: @message, errorType: @type, stackTrace: @frames }
    end

    def type_for_header
      NAMED.include?(@class) ? @type : 'Function<UserException>'
    end
  end
end
