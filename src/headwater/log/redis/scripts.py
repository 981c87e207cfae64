"""The Lua scripts of the Redis log: each does the whole of one operation, or nothing, on keys of one slot.

A log is a hash (its head) and a stream (its groups of records). A group is one entry; its identifier is the offset of
its last record. The end is an entry too, so that blocked readers wake, and so is being dropped.

Each answer is a list: 0 and a result, or the number of an error and what there is to say about it. ``token`` names one
call: when its answer was lost with the connection, asking again changes nothing.
"""

UNKNOWN, SEALED, WRITER, OFFSET, EXISTS, CHANGED = 1, 2, 3, 4, 5, 6

_NOW = """
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
"""

# The keys of all but the last: head, stream, set of logs that have a writer, set of all logs.
CREATE = (
    _NOW
    + """
local key, token, writer, lease, note = unpack(ARGV)
if redis.call('EXISTS', KEYS[1]) == 1 then
    if redis.call('HGET', KEYS[1], 'token') == token then return {0} end
    return {5}
end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], 'next', 0, 'sealed', 0, 'writer', writer, 'lease', lease, 'changed', now,
    'note', note, 'size', 0, 'token', token)
redis.call('SADD', KEYS[4], key)
if writer ~= '' then redis.call('SADD', KEYS[3], key) end
return {0}
"""
)

APPEND = (
    _NOW
    + """
local key, token, count, data, at, writer, seal, has_note, note = unpack(ARGV)
local head = redis.call('HMGET', KEYS[1], 'next', 'sealed', 'writer', 'token')
local upto = tonumber(head[1])
if not upto then return {1} end
if head[4] == token then return {0, upto} end
if head[2] == '1' then return {2} end
if writer ~= '' and writer ~= head[3] then return {3, head[3]} end
if at ~= '' and tonumber(at) ~= upto then return {4, upto} end
if count ~= '0' then
    upto = upto + count
    redis.call('XADD', KEYS[2], string.format('%.0f-0', upto), 'n', count, 'd', data)
    redis.call('HINCRBY', KEYS[1], 'size', #data)
end
redis.call('HSET', KEYS[1], 'next', upto, 'changed', now, 'token', token)
if has_note == '1' then redis.call('HSET', KEYS[1], 'note', note) end
if seal == '1' then
    redis.call('HSET', KEYS[1], 'sealed', 1)
    redis.call('XADD', KEYS[2], string.format('%.0f-1', upto), 'end', '')
    redis.call('SREM', KEYS[3], key)
end
return {0, upto}
"""
)

SEAL = (
    _NOW
    + """
local head = redis.call('HMGET', KEYS[1], 'next', 'sealed')
if not head[1] then return {1} end
if head[2] == '0' then
    redis.call('HSET', KEYS[1], 'sealed', 1, 'changed', now)
    redis.call('XADD', KEYS[2], head[1] .. '-1', 'end', '')
    redis.call('SREM', KEYS[3], ARGV[1])
end
return {0, tonumber(head[1])}
"""
)

TAKE_OVER = (
    _NOW
    + """
local key, token, writer, lease, mark = unpack(ARGV)
local head = redis.call('HMGET', KEYS[1], 'sealed', 'changed', 'token')
if not head[1] then return {1} end
if head[3] == token then return {0} end
if head[1] == '1' then return {2} end
if head[2] ~= mark then return {6} end
redis.call('HSET', KEYS[1], 'writer', writer, 'lease', lease, 'changed', now, 'token', token)
redis.call('SADD', KEYS[3], key)
return {0}
"""
)

# The stream stays for ten seconds, so that readers who are just connecting again find that it was dropped.
DROP = """
local upto = redis.call('HGET', KEYS[1], 'next')
redis.call('SREM', KEYS[3], ARGV[1])
redis.call('SREM', KEYS[4], ARGV[1])
if not upto then return {0} end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('XADD', KEYS[2], upto .. '-2', 'gone', '')
redis.call('PEXPIRE', KEYS[2], 10000)
return {0}
"""

# What is known of one log (``key``), or of all that are in the set KEYS[2], each as the list that SURVEY unpacks.
STATE = (
    _NOW
    + """
local head = redis.call('HMGET', KEYS[1], 'next', 'sealed', 'writer', 'lease', 'changed', 'note', 'size')
if not head[1] then return {1} end
table.insert(head, now)
return {0, head}
"""
)

SURVEY = (
    _NOW
    + """
local found = {}
for _, key in ipairs(redis.call('SMEMBERS', KEYS[1])) do
    local head = redis.call('HMGET', ARGV[1] .. key, 'next', 'sealed', 'writer', 'lease', 'changed', 'note', 'size')
    if head[1] then
        table.insert(head, now)
        table.insert(found, {key, head})
    else
        redis.call('SREM', KEYS[1], key)
    end
end
return {0, found}
"""
)
