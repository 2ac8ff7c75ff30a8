-- What wrk sends and how it tells the result: wrk [options] URL -- METHOD BODY_BYTES
--
-- The request is set once, in init(), so that wrk builds it once and no Lua runs per request.
-- done() prints one line of JSON, the last line of the output; times are in microseconds.

function init(arguments)
   wrk.method = arguments[1] or "GET"
   local body_bytes = tonumber(arguments[2] or "0")
   if body_bytes > 0 then
      wrk.body = string.rep("x", body_bytes)
   end
end

function done(summary, latency, requests)
   io.write(string.format(
      '{"requests": %d, "duration_us": %d, "bytes": %d, "p50_us": %.1f, "p99_us": %.1f, "max_us": %.1f, ' ..
      '"connect_errors": %d, "read_errors": %d, "write_errors": %d, "status_errors": %d, "timeouts": %d}\n',
      summary.requests, summary.duration, summary.bytes,
      latency:percentile(50), latency:percentile(99), latency.max,
      summary.errors.connect, summary.errors.read, summary.errors.write, summary.errors.status,
      summary.errors.timeout))
end
