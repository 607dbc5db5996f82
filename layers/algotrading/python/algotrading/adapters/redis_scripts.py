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

PUT_PRICE = """
redis.call('HSET', KEYS[1], unpack(ARGV))
for _, id in ipairs(redis.call('SMEMBERS', KEYS[2])) do
    local runtime = 'runtime:' .. id
    if redis.call('EXISTS', runtime) == 1 then redis.call('HSET', runtime, 'last_price', ARGV[2]) end
end
"""
"""KEYS: price hash, symbol's set. ARGV: 'price', price, 'at', moment."""

REPORT_SIGHT = """
local now = tonumber(ARGV[1])
local before = tonumber(redis.call('HGET', KEYS[1], 'at') or ARGV[1])
local gap = now - before
if gap > tonumber(ARGV[2]) then redis.call('HINCRBY', KEYS[1], 'blind', gap) end
if gap >= 0 then redis.call('HSET', KEYS[1], 'at', ARGV[1]) end
"""
"""KEYS: sight hash. ARGV: the moment of seeing, and the longest time between two reports of steady sight,
both in milliseconds. Any number of watchers may report; a late or repeated report changes nothing."""
