/*
 * ring.pml: the wake-up protocol of Postern's rings, for spin. run.sh runs it.
 *
 * THE RULES, for one ring pair: one guest vCPU, one host poller. The C code follows them.
 *
 * R0 Own words. Each side stores only its own words, and keeps private copies instead of
 *    loading them back (the guest can overwrite the host's).
 *      the guest stores: submit_tail, complete_head, want_event
 *      the host stores:  submit_head, complete_tail, need_wakeup
 *    (want_event and need_wakeup are bits of guest_flags and host_flags.)
 *    Indices are free-running and start equal; they are stored with release and loaded
 *    with acquire. Flags may be relaxed. FENCE is atomic_thread_fence(memory_order_seq_cst).
 *    A "look" is: FENCE; load the other side's flag; if set, wake that side.
 * R1 Guest submits, while submit_tail - submit_head < submission size: write the entries;
 *    store submit_tail; look: FENCE; load need_wakeup; if set, ring the doorbell.
 *    One look may serve several stores, but comes before the guest waits (R5).
 * R2 Host may take an entry iff
 *      submit_tail != taken  and  taken - complete_head < completion size
 *    where taken is its private submit_head. (Each entry taken gives one completion, so
 *    taken - complete_head is the entries in flight plus the unread completions.) It
 *    loads submit_tail first, then complete_head; copies the entry; stores submit_head.
 * R3 Host completes: write the completion; store complete_tail; look: FENCE; load
 *    want_event; if set, raise the event. One look may serve several completions, but
 *    comes before the host sleeps (R4).
 * R4 Host sleeps, for want of entries or of room alike: store need_wakeup = 1; FENCE; load
 *    submit_tail AND complete_head again; unless R2 now allows an entry, sleep until the
 *    doorbell or an I/O completion. Slept or not: store need_wakeup = 0 and look for work
 *    from the start. Nothing may clear the doorbell between those loads and the sleep.
 * R5 Guest waits, only while a completion is owed to it: store want_event = 1; FENCE; load
 *    complete_tail again; if there is still nothing new, halt until the event. Halted or
 *    not: store want_event = 0 and begin again, for an event may be stale. Nothing may
 *    clear the event between that load and the halt. There is no event for submission
 *    room: a guest whose submission queue is full waits for a completion.
 * R6 Guest consumes: read the completions; store complete_head; load submit_head. If it
 *    equals the guest's submit_tail, the host has taken everything and cannot lack room:
 *    done, without a fence. Else look: FENCE; load need_wakeup; if set, ring the doorbell.
 *    (An old submit_head is safe: it only causes a look too many.) One look may serve
 *    several completions, but comes before the guest waits (R5).
 * R7 A guest that never lets submit_tail - complete_head exceed the completion size may
 *    leave out R6's look: the host then never lacks room.
 *
 * MODELLED: x86-TSO, as a FIFO store buffer per side that a process of its own flushes at
 * any moment; FENCE waits until it is empty. Loads see memory; none forwards from a buffer,
 * by R0. Doorbell and event are sticky bits outside the buffers and drain nothing: no
 * trap, system call or VM exit is counted on as a barrier. I/O finishes in any order.
 * Rings of two, indices modulo four that wrap at the first submission. Spinning before a
 * sleep or a halt, and storing an index once for many entries, are covered: to the other
 * side they look like a later load and a later flush.
 *
 * NOT MODELLED: reordered loads, and stores reordered beyond TSO (but see RELAXED_FLAGS);
 * on Arm, R0's acquire, release and FENCE have to do that. A hostile peer. Ring set-up. One
 * poller with several rings (R4 for all, one FENCE between the stores and the loads). A
 * ring.enter that takes entries on the vCPU's own thread.
 *
 * CHECKED: no deadlock; whoever sleeps with work to do has a wake-up coming, even where
 * unrelated I/O would have hidden its loss; every entry is written when it is taken, and
 * taken, completed and consumed once; no slot is written again before it was read; index
 * distances stay within the rings; under weak fairness the guest finishes.
 *
 * VARIANTS, by -D. These must pass:
 *   GUEST_CREDIT          R7; also asserts that the host never lacks room
 *   RELAXED_FLAGS         flags have a buffer of their own: stores of flags and of indices
 *                         pass each other, as relaxed ones may
 * Each of these breaks a rule, and must fail:
 *   NO_GUEST_FENCE        R1    NO_HOST_EVENT_FENCE   R3    NO_GUEST_EVENT_FENCE  R5
 *   NO_SUBMIT_LIMIT       R1    COMPLETE_EARLY        R3    NO_GUEST_RECHECK      R5
 *   PUBLISH_EARLY         R1    NO_HOST_FENCE         R4    CLEAR_EVENT           R5
 *   NO_ROOM_LIMIT         R2    NO_RECHECK            R4    NO_ROOM_FENCE         R6
 *   FREE_EARLY            R2    NO_ROOM_RECHECK       R4    NO_ROOM_CHECK         R6
 *                               CLEAR_DOORBELL        R4
 */

#ifndef SUBMISSIONS
#define SUBMISSIONS 4 /* at most 4: complete_one lists the tokens */
#endif
#ifndef DEPTH
#define DEPTH 8 /* stores that a store buffer holds: more than ever wait in it */
#endif
#ifndef START
#define START 3 /* all indices begin here: the first submission wraps */
#endif
#define SIZE 2 /* entries in each ring */

#define index(count)       ((START + (count)) & 3)
#define slot(count)        ((START + (count)) & 1)
#define distance(from, to) (((to) - (from)) & 3)
#define bit_of(token)      (1 << ((token) - 1))
#define everything         ((1 << SUBMISSIONS) - 1)

/* Shared memory, by word. */
#define SUBMIT_TAIL   0
#define COMPLETE_HEAD 1
#define WANT_EVENT    2
#define SUBMIT_HEAD   3
#define COMPLETE_TAIL 4
#define NEED_WAKEUP   5
#define SUBMISSION    6 /* SIZE slots; each holds a token, 1..SUBMISSIONS, or 0 */
#define COMPLETION    8 /* SIZE slots, likewise */
#define WORDS         10

byte memory[WORDS];
bit doorbell; /* the host poller's eventfd */
bit event;    /* the vCPU's pending event */

chan guest_buffer = [DEPTH] of { byte, byte };
chan host_buffer = [DEPTH] of { byte, byte };

/* What the assertions look at; no side decides anything by the other's. */
byte submitted, consumed; /* guest's counts: its private submit_tail and complete_head */
byte taken, completed;    /* host's counts: its private submit_head and complete_tail */
byte ever_taken, ever_consumed; /* sets of tokens */
bit guest_owes_look;      /* stored an index that may let the host take, not yet looked */
bit host_owes_look;       /* stored complete_tail, not yet looked at want_event */
bit halted;
bit finished;

#define guest_store(word, value) guest_buffer!word,value
#define host_store(word, value)  host_buffer!word,value
#ifdef RELAXED_FLAGS
chan guest_flag_buffer = [DEPTH] of { byte, byte };
chan host_flag_buffer = [DEPTH] of { byte, byte };
#define guest_set(flag, value) guest_flag_buffer!flag,value
#define host_set(flag, value)  host_flag_buffer!flag,value
#define guest_fence()          (empty(guest_buffer) && empty(guest_flag_buffer))
#define host_fence()           (empty(host_buffer) && empty(host_flag_buffer))
#else
#define guest_set(flag, value) guest_store(flag, value)
#define host_set(flag, value)  host_store(flag, value)
#define guest_fence()          empty(guest_buffer)
#define host_fence()           empty(host_buffer)
#endif

#define may_take(tail, head) \
	((tail) != index(taken) && distance(head, index(taken)) < SIZE)

/* Somebody sleeps, has work to do, and nobody is going to say so. */
#define lost_doorbell \
	(may_take(memory[SUBMIT_TAIL], memory[COMPLETE_HEAD]) && !doorbell && !guest_owes_look)
#define lost_event \
	(halted && memory[COMPLETE_TAIL] != index(consumed) && !event && !host_owes_look)

/*
 * A slot must have been read (which empties it) before it is written again. A buffer that
 * never fills never holds a store back, so DEPTH does not limit what is explored.
 */
inline flush(buffer)
{
	d_step {
		len(buffer) > 0 -> assert(len(buffer) < DEPTH);
		buffer?word,value;
		assert(word < SUBMISSION || memory[word] == 0);
		memory[word] = value;
		word = 0;
		value = 0
	}
}

proctype guest_store_buffer()
{
	byte word, value;
end:	do
	:: flush(guest_buffer)
#ifdef RELAXED_FLAGS
	:: flush(guest_flag_buffer)
#endif
	od
}

proctype host_store_buffer()
{
	byte word, value;
end:	do
	:: flush(host_buffer)
#ifdef RELAXED_FLAGS
	:: flush(host_flag_buffer)
#endif
	od
}

inline ring_if_needed()
{
	if
	:: memory[NEED_WAKEUP] -> doorbell = 1
	:: !memory[NEED_WAKEUP]
	fi
}

proctype guest()
{
	byte seen, token;
	bit blocked;

again:
	if
	:: consumed == SUBMISSIONS -> goto finish
	:: submitted < SUBMISSIONS -> goto submit
	:: submitted > consumed -> goto consume
	fi;

submit: /* R1 */
	do
	:: submitted < SUBMISSIONS ->
		atomic {
			seen = memory[SUBMIT_HEAD];
			assert(distance(seen, index(submitted)) <= SIZE);
			blocked = (distance(seen, index(submitted)) == SIZE);
			seen = 0;
#ifdef GUEST_CREDIT
			blocked = (blocked || submitted - consumed == SIZE);
#endif
#ifdef NO_SUBMIT_LIMIT
			blocked = (submitted - consumed > SIZE);
#endif
			if
			:: blocked -> break
			:: else
			fi
		};
#ifdef PUBLISH_EARLY
		guest_store(SUBMIT_TAIL, index(submitted + 1));
		guest_store(SUBMISSION + slot(submitted), submitted + 1);
		atomic { submitted++; guest_owes_look = 1 }
#else
		guest_store(SUBMISSION + slot(submitted), submitted + 1);
		atomic {
			guest_store(SUBMIT_TAIL, index(submitted + 1));
			submitted++;
			guest_owes_look = 1
		}
#endif
	:: guest_owes_look -> break
	od;
	if
	:: guest_owes_look ->
#ifndef NO_GUEST_FENCE
		guest_fence();
#endif
		atomic { ring_if_needed(); guest_owes_look = 0; blocked = 0 };
		goto again
	:: else -> blocked = 0 /* nothing fitted: wait for a completion */
	fi;

consume: /* R6 */
	atomic {
		seen = memory[COMPLETE_TAIL];
		assert(distance(index(consumed), seen) <= SIZE);
		if
		:: seen == index(consumed) -> goto wait
		:: else
		fi
	};
	do
	:: seen != index(consumed) ->
		atomic {
			token = memory[COMPLETION + slot(consumed)];
			assert(token != 0 && !(ever_consumed & bit_of(token)));
			memory[COMPLETION + slot(consumed)] = 0;
			ever_consumed = ever_consumed | bit_of(token);
			token = 0
		};
		atomic {
			guest_store(COMPLETE_HEAD, index(consumed + 1));
			consumed++;
			guest_owes_look = 1
		}
	:: guest_owes_look -> break
	od;
	seen = 0;
#if !defined GUEST_CREDIT && !defined NO_ROOM_CHECK
	if
	:: memory[SUBMIT_HEAD] == index(submitted)
	:: true -> /* or an old submit_head */
#ifndef NO_ROOM_FENCE
		guest_fence();
#endif
		ring_if_needed()
	fi;
#endif
	guest_owes_look = 0;
	goto again;

wait: /* R5 */
	guest_set(WANT_EVENT, 1);
#ifndef NO_GUEST_EVENT_FENCE
	guest_fence();
#endif
	atomic {
#ifndef NO_GUEST_RECHECK
		seen = memory[COMPLETE_TAIL];
#endif
		if
		:: seen != index(consumed) -> goto awake
		:: else
		fi
	};
#ifdef CLEAR_EVENT
	event = 0;
#endif
	atomic { seen = 0; halted = 1 };
	atomic { event -> event = 0; halted = 0 };
awake:	seen = 0;
	guest_set(WANT_EVENT, 0);
	goto again;

finish:
	assert(ever_taken == everything && ever_consumed == everything);
	finished = 1
}

/* Which I/O finishes is the device's choice. */
inline complete_one()
{
	if
	:: in_flight & 1 -> token = 1
	:: in_flight & 2 -> token = 2
	:: in_flight & 4 -> token = 3
	:: in_flight & 8 -> token = 4
	fi
}

proctype host()
{
	byte tail, head, token;
	byte in_flight; /* set of tokens */

poll:
	assert(!lost_event);
	atomic {
		tail = memory[SUBMIT_TAIL];
		assert(distance(index(taken), tail) <= SIZE)
	};
	atomic {
		head = memory[COMPLETE_HEAD];
		assert(distance(head, index(completed)) <= SIZE);
#ifdef NO_ROOM_LIMIT
		head = index(taken);
#endif
#ifdef GUEST_CREDIT
		assert(tail == index(taken) || may_take(tail, head));
#endif
		if
		:: may_take(tail, head) -> goto take
		:: in_flight -> goto complete
		:: host_owes_look -> goto look
		:: !may_take(tail, head) && !host_owes_look -> goto idle
		fi
	};

take: /* R2 */
	tail = 0;
	head = 0;
#ifdef FREE_EARLY
	host_store(SUBMIT_HEAD, index(taken + 1));
#endif
	atomic {
		token = memory[SUBMISSION + slot(taken)];
		assert(token != 0 && !(ever_taken & bit_of(token)));
		memory[SUBMISSION + slot(taken)] = 0;
		ever_taken = ever_taken | bit_of(token);
		in_flight = in_flight | bit_of(token);
		token = 0
	};
	atomic {
#ifndef FREE_EARLY
		host_store(SUBMIT_HEAD, index(taken + 1));
#endif
		taken++;
		goto poll
	};

complete: /* R3 */
	tail = 0;
	head = 0;
#ifdef COMPLETE_EARLY
	host_store(COMPLETE_TAIL, index(completed + 1));
#endif
	atomic {
		complete_one();
		host_store(COMPLETION + slot(completed), token);
		in_flight = in_flight & ~bit_of(token);
		token = 0
	};
	atomic {
#ifndef COMPLETE_EARLY
		host_store(COMPLETE_TAIL, index(completed + 1));
#endif
		completed++;
		host_owes_look = 1;
		goto poll
	};

look: /* R3 */
	tail = 0;
	head = 0;
#ifndef NO_HOST_EVENT_FENCE
	host_fence();
#endif
	atomic {
		if
		:: memory[WANT_EVENT] -> event = 1
		:: !memory[WANT_EVENT]
		fi;
		host_owes_look = 0;
		goto poll
	};

idle: /* R4 */
	host_set(NEED_WAKEUP, 1);
#ifndef NO_HOST_FENCE
	host_fence();
#endif
#ifndef NO_RECHECK
	tail = memory[SUBMIT_TAIL];
#endif
#if !defined NO_RECHECK && !defined NO_ROOM_RECHECK
	head = memory[COMPLETE_HEAD];
#endif
	if
	:: may_take(tail, head)
	:: else ->
		tail = 0;
		head = 0;
#ifdef CLEAR_DOORBELL
		doorbell = 0;
#endif
end_asleep:	if
		:: doorbell -> doorbell = 0
		:: in_flight -> /* an I/O finished */
			assert(!lost_doorbell);
			host_set(NEED_WAKEUP, 0);
			goto complete
		fi
	fi;
	host_set(NEED_WAKEUP, 0);
	goto poll
}

init
{
	atomic {
		memory[SUBMIT_TAIL] = index(0);
		memory[COMPLETE_HEAD] = index(0);
		memory[SUBMIT_HEAD] = index(0);
		memory[COMPLETE_TAIL] = index(0);
		run guest_store_buffer();
		run host_store_buffer();
		run guest();
		run host()
	}
}

ltl finishes { <> finished }
