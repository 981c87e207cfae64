"""The Lua scripts of the Redis log: each is one operation, whole or not at all, on keys of one slot.

Theory of operation
===================

A log is a hash (its header: offset, seal, writer, lease, note) and a stream (its groups of records). A group is one
entry of the stream, and the entry's identifier is the offset of the group's last record. So "after offset n" is a range
of identifiers, and a reader of Redis needs no index. The seal is an entry too (``<offset>-1``), so that blocked readers
wake; so is being dropped (``<offset>-2``).

*Why scripts.* ``Log.append`` checks the seal, the writer and the offset, and then changes up to four keys. Between the
check and the change no other server may act, or two writers could both believe that a log is theirs: the check is the
fence of the lease. Redis runs a script without interruption, in one round trip. WATCH and MULTI would need two, a
connection of their own for each caller, and retries under contention. For the same reason each operation is a single
script, never two in a row: a server can die between two, and half of an operation would stay.

*Why one slot.* In a cluster, a script may only touch keys of one hash slot. Header and stream of a log, and the sets
that list the logs of its partition, share a hash tag.

*Why the time of Redis.* Leases are judged by Redis's own clock (``TIME``), which all servers share, not by theirs.
``changed`` in the header is that time, in microseconds, and also the mark that TAKE_OVER compares: a renewal between
the judgement and the takeover changes it, and the takeover fails.

*Why tokens.* When a connection breaks after a command was sent, it is unknown if it ran. Each call that is not
idempotent by itself has a random token, which the header keeps: a repeated call finds its own token and changes
nothing. One token is enough for a log with a writer, which has one append at a time. If several servers append to one
log (messages, lists of streams), a record can appear twice after a broken connection, and their readers tolerate that.

*Results.* A list: 0 and a result, or the number of an error and its details.
"""

UNKNOWN, SEALED, WRITER, OFFSET, EXISTS, CHANGED = 1, 2, 3, 4, 5, 6

_NOW = """
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
"""

# The keys of all scripts but the last two: header, stream, set of the logs with a writer, set of all logs.
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

# The stream stays for ten seconds, so that readers that are just reconnecting learn that it was dropped.
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

# The header of one log (KEYS[1]) and the time, as ``_parse_header`` takes it.
STATE = (
    _NOW
    + """
local head = redis.call('HMGET', KEYS[1], 'next', 'sealed', 'writer', 'lease', 'changed', 'note', 'size')
if not head[1] then return {1} end
table.insert(head, now)
return {0, head}
"""
)

# The same for all logs of the set KEYS[1]. A name whose header is gone (evicted, or deleted by hand) leaves the set.
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
