# frozen_string_literal: true

require 'socket'

module Lamina
  # One keep-alive HTTP/1.1 connection, one request at a time: as much HTTP as the Runtime API speaks.
  #
  # Net::HTTP takes longer to load than the rest of the client together.
  class Connection
    Answer = Struct.new(:status, :headers, :body)

    # Leads to *address*, "host:port"; connects when first used.
    def initialize(address)
      @address = address
      @socket = nil
    end

    # The Answer to one request: headers by name in lower case, the body as UTF-8. Raises SystemCallError, EOFError.
    def exchange(method, path, headers, body = nil)
      @socket ||= connect
      lines = ["#{method} #{path} HTTP/1.1", "Host: #{@address}", *headers.map { |name, value| "#{name}: #{value}" }]
      lines << "Content-Length: #{body.bytesize}" if body
      @socket.write("#{lines.join("\r\n")}\r\n\r\n".b, (body || '').b)
      receive
    end

    private

    def connect
      host, _, port = @address.rpartition(':')
      socket = TCPSocket.new(host, Integer(port))
      socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
      socket
    end

    def receive
      status = Integer(line.split[1])
      headers = {}
      until (header = line).empty?
        name, _, value = header.partition(':')
        headers[name.downcase] = value.strip
      end
      body = @socket.read(Integer(headers.fetch('content-length'))) || ''
      Answer.new(status, headers, body.force_encoding(Encoding::UTF_8))
    end

    def line
      @socket.readline("\r\n", chomp: true)
    end
  end
end
