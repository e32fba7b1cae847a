-- GCRA for several keys at once, as gcra.rs has it: takes from all of them, or from none.
-- KEYS: the buckets. ARGV: how many to take, then for each key its period and the interval of one, in microseconds.
-- Answers for each key: how long to wait, how many remain, when all are there again.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local cost = tonumber(ARGV[1])
local before, after, waits, refused = {}, {}, {}, false
for at = 1, #KEYS do
    local period, one = tonumber(ARGV[2 * at]), tonumber(ARGV[2 * at + 1])
    before[at] = math.max(tonumber(redis.call('GET', KEYS[at]) or now), now)
    after[at] = before[at] + one * cost
    waits[at] = math.max(after[at] - now - period, 0)
    refused = refused or waits[at] > 0
end
local answer = {}
for at = 1, #KEYS do
    local period, one = tonumber(ARGV[2 * at]), tonumber(ARGV[2 * at + 1])
    local empty = after[at]
    if refused then
        empty = before[at]
    elseif cost > 0 then
        -- Numbers are doubles, exact to 2^53; as text they would be rounded without a format.
        redis.call('SET', KEYS[at], string.format('%.0f', empty), 'PX', math.ceil((empty - now) / 1000))
    end
    answer[#answer + 1] = waits[at]
    answer[#answer + 1] = math.floor((now + period - empty) / one)
    answer[#answer + 1] = empty - now
end
return answer
