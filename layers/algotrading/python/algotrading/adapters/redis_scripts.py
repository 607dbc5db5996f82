"""Server-side scripts: what must happen at once or not at all in the runtime store."""

from __future__ import annotations

LOCK = """
local held = redis.call('GET', KEYS[1])
-- Our own token means that the first try succeeded and only its answer was lost.
if held and held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('HSET', KEYS[2], 'lock_state', 'true') end
return 1
"""
"""KEYS: lock, runtime hash. ARGV: token, milliseconds. 1 when the caller holds the lock."""

UNLOCK = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('HSET', KEYS[2], 'lock_state', 'false') end
return 1
"""
"""KEYS: lock, runtime hash. ARGV: token. Deletes the lock of this owner only."""

RESERVE = """
local second, last = tonumber(ARGV[2]), tonumber(ARGV[3])
local function key(i, second)
    local seconds = tonumber(ARGV[i + 1])
    local index = math.floor((second + 19800) / seconds)
    return ARGV[1] .. ARGV[i] .. ':' .. ARGV[i + 1] .. ':' .. string.format('%d', index), (index + 1) * seconds - 19800
end
while second <= last do
    local later = nil
    for i = 4, #ARGV, 4 do
        local name, ends = key(i, second)
        local used = tonumber(redis.call('GET', name) or '0')
        if used + ARGV[i + 3] > tonumber(ARGV[i + 2]) then later = math.max(later or 0, ends) end
    end
    if not later then
        for i = 4, #ARGV, 4 do
            local name = key(i, second)
            -- Counted places may lie up to the caller's patience ahead: a key outlives its window by more.
            redis.call('INCRBY', name, ARGV[i + 3])
            redis.call('EXPIRE', name, ARGV[i + 1] + 600)
        end
        return second
    end
    second = later
end
return -1
"""
"""ARGV: key prefix, first and last second since 1970, then bucket, length, limit and cost of each window in turn.
Takes places in the first second in which every window has enough and answers it; -1 when there is none. The rule is
`domain.rates.first_free`; 19800 s is India's offset."""

PUT_STRATEGY = """
local before = redis.call('HGET', KEYS[1], 'symbol')
if before and before ~= ARGV[2] then redis.call('SREM', 'symbol:' .. before .. ':strategies', ARGV[1]) end
local change = 'SREM'
if ARGV[3] == 'listed' then change = 'SADD' end
redis.call(change, 'symbol:' .. ARGV[2] .. ':strategies', ARGV[1])
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
"""
"""KEYS: strategy hash. ARGV: strategy id, symbol, 'listed' or 'unlisted', then field and value in turn."""

PUT_CYCLE = """
local price = redis.call('HGET', KEYS[3], 'price') or ''
local locked = 'false'
if redis.call('EXISTS', KEYS[2]) == 1 then locked = 'true' end
redis.call('HSET', KEYS[1], 'last_price', price, 'lock_state', locked, unpack(ARGV))
"""
"""KEYS: runtime hash, lock, price hash. ARGV: field and value in turn."""

PUT_PRICES = """
for symbol, price, told in string.gmatch(ARGV[3], '([^\\t]+)\\t([^\\t]+)\\t(%d)\\n') do
    local at = redis.call('HGET', 'price:' .. symbol, 'at')
    local outdated = at and at > ARGV[1] and at <= ARGV[2]
    if not outdated then redis.call('HSET', 'price:' .. symbol, 'price', price, 'at', ARGV[1]) end
    if told == '1' and not outdated then
        for _, id in ipairs(redis.call('SMEMBERS', 'symbol:' .. symbol .. ':strategies')) do
            local runtime = 'runtime:' .. id
            if redis.call('EXISTS', runtime) == 1 then redis.call('HSET', runtime, 'last_price', price) end
        end
    end
end
"""
"""ARGV: the moment; the last moment at which a price that is there is believed to be newer (a later one is a wrong
clock's, and is replaced); and lines of symbol, price and whether the symbol's strategies are told (1 or 0), with a tab
between and a line feed after them. Text, because a call with a thousand arguments takes its sender longer to make than
Redis to carry out."""

REPORT_SIGHT = """
local now = tonumber(ARGV[1])
local before = tonumber(redis.call('HGET', KEYS[1], 'at') or ARGV[1])
local unseen = tonumber(ARGV[3]) - before
if unseen > tonumber(ARGV[2]) then redis.call('HINCRBY', KEYS[1], 'blind', unseen) end
if now >= before then redis.call('HSET', KEYS[1], 'at', ARGV[1]) end
"""
"""KEYS: sight hash. ARGV: the moment of seeing, the longest time between two reports of steady sight, and since when
the watcher has seen without a break, which counts though no report of it arrived; all in milliseconds. Any number of
watchers may report; a late or repeated report changes nothing."""

BOOK_HINT = """
local now, interval = tonumber(ARGV[1]), tonumber(ARGV[2])
local latest = tonumber(redis.call('GET', KEYS[1]) or 0)
if latest > now then return -1 end
local at = math.max(now, latest + interval)
redis.call('SET', KEYS[1], string.format('%.0f', at), 'PX', string.format('%.0f', at - now + interval))
return at - now
"""
"""KEYS: hint string. ARGV: now and the interval, in milliseconds. How many of them to wait; -1 when a hint
that is still to be given covers this one."""

PUT_CANDLES = """
local function keep(i)
    local minute, ticks = ARGV[i + 3], ARGV[i + 8]
    local day = 'candles:day:' .. string.sub(minute, 1, 10) .. ':' .. ARGV[i] .. ':' .. ARGV[i + 1]
    local at = string.sub(minute, 12, 16)
    -- Whatever is in the way here must not keep the stream from what comes after.
    local before = redis.pcall('HGET', day, at)
    if type(before) == 'table' then return 1 end
    if before and tonumber(ticks) <= tonumber(string.match(before, '%d+$')) then return 0 end
    redis.call('HSET', day, at, table.concat({ARGV[i + 4], ARGV[i + 5], ARGV[i + 6], ARGV[i + 7], ticks}, ' '))
    redis.call('EXPIREAT', day, ARGV[3])
    return 0
end
local unkept = 0
for i = 4, #ARGV, 9 do
    local token, ticks = ARGV[i + 2], ARGV[i + 8]
    if tonumber(ticks) > tonumber(redis.call('HGET', KEYS[2], token) or '0') then
        redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'exchange', ARGV[i], 'symbol', ARGV[i + 1],
            'token', token, 'minute', ARGV[i + 3], 'open', ARGV[i + 4], 'high', ARGV[i + 5], 'low', ARGV[i + 6],
            'close', ARGV[i + 7], 'ticks', ticks)
        -- Not before: a call that fails undoes nothing, and a candle noted as written would never be.
        redis.call('HSET', KEYS[2], token, ticks)
    end
    unkept = unkept + keep(i)
end
redis.call('EXPIRE', KEYS[2], ARGV[2])
return unkept
"""
"""KEYS: candle stream, the minute's hash of what is written. ARGV: the stream's length, seconds for which the hash is
kept, when the day of the candles ends (seconds since the epoch), then exchange, symbol, token, minute (with India's
offset), open, high, low, close and ticks of each candle in turn. Each goes into the stream and into its instrument's
hash of the day, unless one made of as many ticks or more is there; answers how many their day did not take."""
