"""Which test shows what is done about which failure. test_coverage.py checks that each of them exists.

A name stands for `tests/MODULE.py::FUNCTION`; every surface is meant where a test is parametrised over them.
"""

from collections.abc import Mapping

STATUSES = "e2e/failover/test_statuses"
CONNECTIONS = "e2e/failover/test_connections"
STREAMS = "e2e/failover/test_streams"
ANSWERS = "e2e/failover/test_answers"
CALLERS = "e2e/failover/test_callers"
BREAKER = "e2e/failover/test_breaker"
STORAGE = "e2e/failover/test_storage"

EACH_STATUS = f"{STATUSES}::test_a_refusal_through_every_surface"
UNUSUAL = f"{STREAMS}::test_what_is_unusual_and_allowed"
NONSENSE = f"{ANSWERS}::test_nonsense_with_status_200_is_no_answer"

COVERAGE: Mapping[str, tuple[str, ...]] = {
    "refused connection": (f"{CONNECTIONS}::test_refused",),
    "DNS failure": (f"{CONNECTIONS}::test_no_such_name",),
    "TLS failure": (f"{CONNECTIONS}::test_no_tls",),
    "connect timeout": (f"{CONNECTIONS}::test_connecting_does_not_end",),
    "first-token timeout": (f"{CONNECTIONS}::test_the_first_token_does_not_come",),
    "stall mid-stream": (f"{STREAMS}::test_stalled",),
    "cut mid-stream (FIN, RST, bad chunk)": (f"{STREAMS}::test_cut",),
    "cut of a whole answer": (f"{ANSWERS}::test_an_answer_that_ends_in_the_middle_is_asked_for_again",),
    "garbage JSON": (NONSENSE, f"{STREAMS}::test_an_event_that_is_not_whole"),
    "truncated JSON": (NONSENSE, f"{STREAMS}::test_an_event_that_is_not_whole"),
    "wrong content type": (NONSENSE, f"{STREAMS}::test_before_the_first_word_it_is_an_error_with_a_status"),
    "empty body": (NONSENSE, f"{STREAMS}::test_before_the_first_word_it_is_an_error_with_a_status"),
    "400, 413, 422: no retry": (EACH_STATUS, f"{STATUSES}::test_what_is_the_callers_fault_is_not_tried_elsewhere"),
    "401, 403, 404, 408, 409, 500, 502, 503, 504, 529": (EACH_STATUS, f"{STATUSES}::test_what_is_not_is"),
    "429 without Retry-After": (EACH_STATUS,),
    "429 with Retry-After": (
        f"{STATUSES}::test_a_short_retry_after_is_waited_for",
        f"{STATUSES}::test_a_long_retry_after_is_told_and_holds_for_others_too",
        f"{STATUSES}::test_a_retry_after_beyond_the_callers_deadline_is_not_waited_for",
    ),
    "slow-loris client": (
        f"{CALLERS}::test_a_slow_caller_is_sent_away",
        f"{CALLERS}::test_a_hundred_slow_callers_keep_nobody_waiting",
        "api/test_server_time::test_a_body_that_comes_byte_by_byte_does_not_come",
    ),
    "client abort, stream": (f"{STREAMS}::test_a_caller_who_leaves_a_stream_cancels_it_and_pays_for_what_was_made",),
    "client abort, whole": (f"{CALLERS}::test_a_caller_who_leaves_cancels_a_whole_answer_too",),
    "client that does not read": (f"{CALLERS}::test_a_caller_who_does_not_read_is_the_only_one_who_waits",),
    "upstream closes keep-alive between requests": (f"{CONNECTIONS}::test_connections_that_end_between_requests",),
    "oversized chunk": (f"{STREAMS}::test_an_event_that_is_too_large",),
    "invalid UTF-8": (NONSENSE, f"{STREAMS}::test_text_that_is_not_utf_8"),
    "duplicate [DONE]": (UNUSUAL,),
    "missing [DONE]": (
        f"{STREAMS}::test_a_missing_done_after_a_finish_reason_is_an_end",
        f"{STREAMS}::test_where_the_last_event_carries_the_end_a_missing_one_is_a_cut",
    ),
    "missing usage": (
        f"{STREAMS}::test_usage_that_was_asked_for_is_made_up_where_there_is_none",
        f"{STREAMS}::test_a_translated_stream_has_the_estimate_as_its_usage",
        f"{ANSWERS}::test_missing_usage_is_estimated",
    ),
    "usage twice": (UNUSUAL, f"{STREAMS}::test_usage_that_comes_twice_is_told_once"),
    "tool-call delta split across chunks": (f"{STREAMS}::test_arguments_of_a_tool_in_pieces",),
    "SSE comments and CRLF": (UNUSUAL,),
    "Expect: 100-continue": (f"{CALLERS}::test_expect_100_continue",),
    "chunked request": (f"{CALLERS}::test_a_request_in_chunks",),
    "request smuggling shapes": (
        f"{CALLERS}::test_a_smuggled_request_reaches_nobody",
        "api/test_server_framing::test_it_is_refused_and_what_follows_is_not_answered",
    ),
    "header injection": (
        f"{CALLERS}::test_no_header_is_made_of_a_body",
        f"{CALLERS}::test_no_header_of_a_caller_reaches_the_upstream",
        "e2e/test_hostile::test_odd_headers",
    ),
    "2 MB prompt": (f"{CALLERS}::test_a_prompt_of_two_megabytes",),
    "10,000-level nested JSON, NaN": (
        f"{CALLERS}::test_spoilt_json_through_every_surface",
        "e2e/test_hostile::test_malformed_bodies",
    ),
    "key flood": (f"{CALLERS}::test_a_flood_of_wrong_keys_leaves_the_others_alone",),
    "database locked": (f"{STORAGE}::test_a_locked_database_delays_no_request_and_loses_none",),
    "database full": (f"{STORAGE}::test_a_full_database_stops_no_request_and_loses_none",),
    "database gone": (f"{STORAGE}::test_a_database_that_is_gone_stops_no_request_and_loses_none",),
    "disk full on the journal": (f"{STORAGE}::test_a_full_disk_under_the_journal_refuses_and_says_so",),
    "engine killed -9 mid-stream": ("e2e/test_crash::test_kill_9_on_the_engine_during_a_stream",),
    "gateway killed -9": ("e2e/test_crash::test_kill_9_on_the_gateway_during_300_mixed_requests",),
    "clock jump": (
        "pipeline/test_clock::test_a_wall_clock_that_jumps_changes_no_time_and_no_deadline",
        "pipeline/test_clock::test_a_wall_clock_that_jumps_opens_and_closes_no_circuit",
    ),
    "trap: no breaker on a single deployment": (f"{BREAKER}::test_a_single_deployment_that_is_dead",),
    "trap: cached tokens billed twice": (
        f"{ANSWERS}::test_cached_tokens_are_billed_once_and_at_their_own_price",
        f"{ANSWERS}::test_cached_tokens_of_a_message_are_billed_once",
        f"{STREAMS}::test_cached_tokens_of_a_stream_are_billed_once",
    ),
    "trap: models that cost nothing are blocked": (
        f"{ANSWERS}::test_a_model_without_a_price_is_served_and_costs_nothing",
    ),
}
