-- What is of no use any more is taken away with its owner's next such act, and an owner who does nothing more keeps it:
-- a registration nobody confirmed keeps an e-mail. So each night all of it goes, of everybody. Of what is not over by the
-- database's own clock nothing goes, whatever moment is named.
create function forget_what_is_over(moment timestamptz)
    returns table (registrations bigint, email_links bigint, kept_answers bigint, sms_codes bigint, refresh_tokens bigint)
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    until timestamptz := least(moment, now());
begin
    -- First, as where an account is deleted: of two at once neither waits for what the other holds.
    -- A used token that comes again ends its login, for a week. One of a login that is over says so, for a month.
    delete from refresh_tokens t using logins l
        where l.device_id = t.device_id and l.user_id = t.user_id
            and (t.used_at < until - interval '7 days' or least(l.expires_at, l.ended_at) <= until - interval '30 days');
    get diagnostics refresh_tokens = row_count;
    delete from registrations r where r.expires_at <= until;
    get diagnostics registrations = row_count;
    delete from email_links l where l.expires_at <= until;
    get diagnostics email_links = row_count;
    -- As long as a key stands for its request: KEPT_FOR in domain/keyed_requests.py.
    delete from kept_answers k where k.begun_at <= until - interval '24 hours';
    get diagnostics kept_answers = row_count;
    delete from sms_codes c where c.sent_on < (until at time zone 'Asia/Kolkata')::date - 1;
    get diagnostics sms_codes = row_count;
    return next;
end $$;
revoke execute on function forget_what_is_over(timestamptz) from public;
grant execute on function forget_what_is_over(timestamptz) to system_role;
