//! Runs as they are seen in a pipe, as JSON lines, and live.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use super::*;
use crate::{
    apply::{Recovery, Skip, Summary},
    diagnostic::Source,
    plan::Step,
    report::testing::Page,
    resource::Id,
};

#[derive(Clone, Default)]
struct Time(Arc<AtomicU64>);

impl Time {
    fn clock(&self) -> impl Fn() -> Duration + Send + 'static {
        let time = Arc::clone(&self.0);
        move || Duration::from_millis(time.load(Ordering::Relaxed))
    }

    fn set(&self, millis: u64) {
        self.0.store(millis, Ordering::Relaxed);
    }
}

fn seconds(it: u64) -> Duration {
    Duration::from_secs(it)
}

fn started(address: &str, typical: u64) -> Event {
    Event::Started { address: address.into(), action: Action::Create, typical: seconds(typical) }
}

fn done(address: &str, id: &str, millis: u64) -> Event {
    Event::Done { address: address.into(), action: Action::Create, id: Some(Id::from(id)), elapsed: Duration::from_millis(millis) }
}

fn skipped(address: &str, needs: &str) -> Event {
    Event::Skipped { address: address.into(), action: Action::Create, because: Skip::Needs { address: needs.into() } }
}

fn context() -> Context {
    let stack = Arc::new(Source::new("stacks/hr-chatbot.yaml", "resources:\n  nat:\n    ec2.nat_gateway:\n"));
    let step = |address: &str, typical, after: &[&str]| Step {
        address: address.into(),
        type_name: "t.t".into(),
        id: None,
        action: Action::Create,
        reason: None,
        changes: vec![],
        after: after.iter().map(|it| Address::from(*it)).collect(),
        typical: seconds(typical),
        stateful: false,
    };
    Context {
        plan: Plan {
            steps: vec![
                step("vpc", 2, &[]),
                step("subnet/1a", 2, &["vpc"]),
                step("nat", 120, &["subnet/1a"]),
                step("route", 2, &["nat"]),
                step("database", 400, &["route"]),
            ],
            ..Plan::default()
        },
        places: BTreeMap::from([("nat".into(), Place { source: stack, span: 13..16 })]),
        resume: "infra apply --env dev".into(),
    }
}

/// A run in which one thing fails: each event with its time in milliseconds.
fn failing() -> Vec<(u64, Event)> {
    vec![
        (0, Event::Begun { steps: 5, forecast: seconds(526) }),
        (10, Event::Recovered { address: "vpc".into(), id: "vpc-0a1b".into(), how: Recovery::Operation }),
        (20, Event::NothingToRecover { address: "subnet/1a".into() }),
        (100, started("subnet/1a", 2)),
        (2_300, done("subnet/1a", "subnet-0a1b", 2_200)),
        (2_400, started("nat", 120)),
        (4_000, Event::Waiting { address: "nat".into(), status: "pending".into() }),
        (6_000, Event::Waiting { address: "nat".into(), status: "pending".into() }),
        (
            8_000,
            Event::Retrying {
                address: "nat".into(),
                error: "DescribeNatGateways: RequestLimitExceeded: Request limit exceeded.".into(),
                attempt: 1,
                pause: Duration::from_millis(1_500),
            },
        ),
        (
            62_400,
            Event::Failed {
                address: "nat".into(),
                action: Action::Create,
                error: "CreateNatGateway: NatGatewayLimitExceeded: Performing this operation would exceed the limit of 5 NAT gateways"
                    .into(),
                help: Some("ask AWS for a higher quota, or remove a NAT gateway in ap-northeast-1a".into()),
                elapsed: seconds(60),
            },
        ),
        (62_410, skipped("route", "nat")),
        (62_420, skipped("database", "route")),
        (
            62_500,
            Event::Finished {
                summary: Summary {
                    created: 1,
                    adopted: 1,
                    failed: 1,
                    unfinished: 0,
                    skipped: 2,
                    elapsed: Duration::from_millis(62_500),
                    ..Summary::default()
                },
            },
        ),
    ]
}

fn interrupted() -> Vec<(u64, Event)> {
    vec![
        (0, Event::Begun { steps: 5, forecast: seconds(526) }),
        (100, started("nat", 120)),
        (3_000, Event::Interrupted { in_flight: vec!["nat".into()] }),
        (90_000, done("nat", "nat-0a1b", 89_900)),
        (90_010, Event::Skipped { address: "route".into(), action: Action::Create, because: Skip::Interrupted }),
        (90_020, skipped("database", "route")),
        (
            90_100,
            Event::Finished {
                summary: Summary {
                    created: 1,
                    unfinished: 0,
                    skipped: 2,
                    interrupted: true,
                    elapsed: Duration::from_millis(90_100),
                    ..Summary::default()
                },
            },
        ),
    ]
}

fn shown(make: impl Fn(Page) -> Progress, events: &[(u64, Event)]) -> String {
    let (page, time) = (Page::default(), Time::default());
    let mut progress = make(page.clone()).with_clock(time.clock());
    for (millis, event) in events {
        time.set(*millis);
        progress.tick();
        progress.event(event);
    }
    page.text()
}

fn piped(events: &[(u64, Event)]) -> String {
    shown(|page| Progress::plain(context(), page, false), events)
}

#[test]
fn a_pipe_gets_a_line_for_each_event_and_the_whole_story_at_the_end() {
    insta::assert_snapshot!(piped(&failing()), @r"
    [  0.0s] 5 steps to do, should take 9 min
    [  0.0s] vpc: recovered from an earlier run, vpc-0a1b (found by its operation)
    [  0.0s] subnet/1a: an earlier run did not create it after all
    [  0.1s] subnet/1a: creating
    [  2.3s] subnet/1a: created in 2.2s (subnet-0a1b)
    [  2.4s] nat: creating
    [  4.0s] nat: waiting, pending
    [  8.0s] nat: attempt 1 failed, next in 1.5s: DescribeNatGateways: RequestLimitExceeded: Request limit exceeded.
    [ 1m02s] nat: failed after 1m00s: CreateNatGateway: NatGatewayLimitExceeded: Performing this operation would exceed the limit of 5 NAT gateways
    [ 1m02s] route: not tried, it needs nat
    [ 1m02s] database: not tried, it needs route

    error: nat could not be created
     --> stacks/hr-chatbot.yaml:2:3
      |
    2 |   nat:
      |   ^^^
      |
      = note: after 1m00s: CreateNatGateway: NatGatewayLimitExceeded: Performing this operation
              would exceed the limit of 5 NAT gateways
      = help: ask AWS for a higher quota, or remove a NAT gateway in ap-northeast-1a

    warning: not tried because nat failed: route and database

    error: 1 step failed, 2 not tried (1 created, 1 adopted, in 1m02s)
      hint: what was done is recorded; `infra apply --env dev` goes on
    ");
}

#[test]
fn an_interrupt_says_how_to_go_on() {
    insta::assert_snapshot!(piped(&interrupted()), @r"
    [  0.0s] 5 steps to do, should take 9 min
    [  0.1s] nat: creating
    [  3.0s] interrupted: nothing new is started; finishing nat (interrupt again to stop waiting)
    [ 1m30s] 0 of 5 steps done, still at nat (creating for 1m29s)
    [ 1m30s] nat: created in 1m29s (nat-0a1b)
    [ 1m30s] route: not tried, interrupted
    [ 1m30s] database: not tried, it needs route

    warning: not tried because of the interrupt: route and database

    Interrupted after 1m30s: 1 created, 2 not tried
      hint: what was done is recorded; `infra apply --env dev` goes on
    ");
}

#[test]
fn success_ends_in_one_line() {
    let summary = Summary { created: 12, updated: 1, deleted: 1_000, elapsed: seconds(80), ..Summary::default() };
    let text = piped(&[(0, Event::Finished { summary })]);
    assert_eq!(text, "\nDone in 1m20s: 12 created, 1 updated, 1,000 deleted\n");
    let text = piped(&[(0, Event::Finished { summary: Summary::default() })]);
    assert_eq!(text, "\nDone in 0.0s: nothing done\n");
}

#[test]
fn silence_is_broken_once_a_minute() {
    let (page, time) = (Page::default(), Time::default());
    let mut progress = Progress::plain(context(), page.clone(), false).with_clock(time.clock());
    progress.event(&Event::Begun { steps: 5, forecast: seconds(500) });
    progress.event(&started("database", 400));
    for second in 0..150 {
        time.set(second * 1_000);
        progress.tick();
    }
    insta::assert_snapshot!(page.text(), @r"
    [  0.0s] 5 steps to do, should take 8 min
    [  0.0s] database: creating
    [ 1m00s] 0 of 5 steps done, still at database (creating for 1m00s)
    [ 2m00s] 0 of 5 steps done, still at database (creating for 2m00s)
    ");
}

#[test]
fn machines_get_one_object_a_line() {
    let text = shown(Progress::json, &failing());
    assert_eq!(text.lines().count(), failing().len());
    insta::assert_snapshot!(text, @r#"
    {"event":"begun","at":0.0,"format_version":1,"steps":5,"forecast_seconds":526.0}
    {"event":"recovered","at":0.01,"address":"vpc","id":"vpc-0a1b","how":"operation"}
    {"event":"nothing_to_recover","at":0.02,"address":"subnet/1a"}
    {"event":"started","at":0.1,"address":"subnet/1a","action":"create","typical_seconds":2.0}
    {"event":"done","at":2.3,"address":"subnet/1a","action":"create","id":"subnet-0a1b","seconds":2.2}
    {"event":"started","at":2.4,"address":"nat","action":"create","typical_seconds":120.0}
    {"event":"waiting","at":4.0,"address":"nat","status":"pending"}
    {"event":"waiting","at":6.0,"address":"nat","status":"pending"}
    {"event":"retrying","at":8.0,"address":"nat","error":"DescribeNatGateways: RequestLimitExceeded: Request limit exceeded.","attempt":1,"pause_seconds":1.5}
    {"event":"failed","at":62.4,"address":"nat","action":"create","error":"CreateNatGateway: NatGatewayLimitExceeded: Performing this operation would exceed the limit of 5 NAT gateways","help":"ask AWS for a higher quota, or remove a NAT gateway in ap-northeast-1a","seconds":60.0}
    {"event":"skipped","at":62.41,"address":"route","action":"create","cause":"needs","needs":"nat"}
    {"event":"skipped","at":62.42,"address":"database","action":"create","cause":"needs","needs":"route"}
    {"event":"finished","at":62.5,"created":1,"adopted":1,"updated":0,"replaced":0,"deleted":0,"forgotten":0,"failed":1,"unfinished":0,"skipped":2,"interrupted":false,"seconds":62.5}
    "#);
}

#[test]
fn a_reader_that_is_gone_stops_nothing() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for mut progress in [Progress::plain(context(), Gone, false), Progress::json(Gone)] {
        for (_, event) in failing() {
            progress.event(&event);
        }
    }
}

#[test]
fn of_many_failures_some_are_told_in_full() {
    let mut events: Vec<_> = (0..50)
        .map(|n| {
            let error = "CreateSubnet: no".to_owned();
            let address = format!("subnet/{n}").as_str().into();
            (0, Event::Failed { address, action: Action::Create, error, help: None, elapsed: seconds(1) })
        })
        .collect();
    events.push((0, Event::Finished { summary: Summary { failed: 50, ..Summary::default() } }));
    let text = piped(&events);
    assert_eq!(text.matches("could not be created").count(), 20);
    assert!(text.contains("and 30 more failed") && text.contains("error: 50 steps failed"), "{text}");
}

#[test]
fn what_was_not_tried_names_what_failed_at_the_root() {
    let mut track = track::Track::new(Context::default());
    // In any order, and with a circle that no right run has.
    for (address, needs) in [("c", "b"), ("b", "a"), ("a", "failed"), ("x", "y"), ("y", "x"), ("d", "c")] {
        track.event(&skipped(address, needs), seconds(0));
    }
    let roots: Vec<_> = track.roots().into_iter().map(|(it, root)| format!("{it} {}", root.map_or("-", |it| it.as_str()))).collect();
    assert_eq!(roots, ["c failed", "b failed", "a failed", "x -", "y -", "d failed"]);
}

#[test]
fn the_time_left_follows_what_is_still_to_do() {
    let mut track = track::Track::new(context());
    let at = |it: u64| seconds(it);
    assert_eq!(track.left(at(0)), seconds(526));
    for address in ["vpc", "subnet/1a"] {
        track.event(&started(address, 2), at(0));
        track.event(&done(address, "x", 1), at(1));
    }
    track.event(&started("nat", 120), at(10));
    assert_eq!(track.left(at(10)), seconds(522));
    assert_eq!(track.left(at(70)), seconds(462));
    // What takes longer than usual does not make the rest shorter.
    assert_eq!(track.left(at(500)), seconds(402));
    track.event(&Event::Interrupted { in_flight: vec!["nat".into()] }, at(70));
    assert_eq!(track.left(at(70)), seconds(60));
}

/// A screen of 80 by 10 that remembers what was on it.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    row: usize,
    column: usize,
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Screen")
    }
}

impl Screen {
    fn text(&self) -> String {
        let lines = self.0.lock().expect("nobody panics");
        lines.lines.iter().map(|it| it.trim_end()).collect::<Vec<_>>().join("\n").trim_end().to_owned() + "\n"
    }

    fn change(&self, change: impl FnOnce(&mut Lines)) -> io::Result<()> {
        let mut lines = self.0.lock().expect("nobody panics");
        change(&mut lines);
        let row = lines.row;
        if lines.lines.len() <= row {
            lines.lines.resize(row + 1, String::new());
        }
        Ok(())
    }
}

impl indicatif::TermLike for Screen {
    fn width(&self) -> u16 {
        80
    }

    fn height(&self) -> u16 {
        10
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.change(|it| it.row = it.row.saturating_sub(n))
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.change(|it| it.row += n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.change(|it| it.column += n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.change(|it| it.column = it.column.saturating_sub(n))
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)?;
        self.change(|it| (it.row, it.column) = (it.row + 1, 0))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.change(|it| {
            for letter in text.chars() {
                // As terminals do: the next line begins with the letter that no longer fits.
                if it.column == 80 {
                    (it.row, it.column) = (it.row + 1, 0);
                }
                let row = it.row;
                if it.lines.len() <= row {
                    it.lines.resize(row + 1, String::new());
                }
                let line: Vec<_> = it.lines[row].chars().collect();
                let before = line.iter().copied().chain(std::iter::repeat(' ')).take(it.column);
                it.lines[row] = before.chain([letter]).chain(line.iter().copied().skip(it.column + 1)).collect();
                it.column += 1;
            }
        })
    }

    fn clear_line(&self) -> io::Result<()> {
        self.change(|it| {
            let row = it.row;
            it.column = 0;
            if let Some(line) = it.lines.get_mut(row) {
                line.clear();
            }
        })
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

fn live(screen: &Screen, time: &Time) -> Progress {
    let target = indicatif::ProgressDrawTarget::term_like(Box::new(screen.clone()));
    let terminal = terminal::Terminal::new(context(), false, target, || (80, 10));
    Progress::new(Way::Terminal(Box::new(terminal))).with_clock(time.clock())
}

#[test]
fn a_terminal_shows_what_is_running_below_what_is_done() {
    let (screen, time) = (Screen::default(), Time::default());
    let mut progress = live(&screen, &time);
    let events = failing();
    for (millis, event) in &events[..9] {
        time.set(*millis);
        progress.event(event);
    }
    progress.event(&started("a_name_that_is_much_longer_than_what_fits", 1));
    time.set(30_000);
    progress.redraw();
    insta::assert_snapshot!(screen.text(), @r"
    ! vpc: recovered from an earlier run, vpc-0a1b (found by its operation)
    ! subnet/1a: an earlier run did not create it after all
    + subnet/1a created in 2.2s  subnet-0a1b
    + nat                         creating      27s  of about 2 min, attempt 2 a…
    + a_name_that_is_much_longe…  creating      22s
      1/5 done, 2 running, 30s, about 8 min left
    ");
    for (millis, event) in &events[9..] {
        time.set(*millis);
        progress.event(event);
    }
    insta::assert_snapshot!(screen.text(), @r"
      ! vpc: recovered from an earlier run, vpc-0a1b (found by its operation)
      ! subnet/1a: an earlier run did not create it after all
      + subnet/1a created in 2.2s  subnet-0a1b
      × nat failed: CreateNatGateway: NatGatewayLimitExceeded: Performing this
          operation would exceed the limit of 5 NAT gateways

    error: nat could not be created
     --> stacks/hr-chatbot.yaml:2:3
      |
    2 |   nat:
      |   ^^^
      |
      = note: after 1m00s: CreateNatGateway: NatGatewayLimitExceeded: Performing
              this operation would exceed the limit of 5 NAT gateways
      = help: ask AWS for a higher quota, or remove a NAT gateway in ap-northeast-1a

    warning: not tried because nat failed: route and database

    error: 1 step failed, 2 not tried (1 created, 1 adopted, in 1m02s)
      hint: what was done is recorded; `infra apply --env dev` goes on
    ");
}

#[test]
fn a_small_window_shows_as_many_as_fit() {
    let (screen, time) = (Screen::default(), Time::default());
    let mut progress = live(&screen, &time);
    progress.event(&Event::Begun { steps: 40, forecast: seconds(80) });
    for n in 0..30 {
        progress.event(&started(&format!("subnet/{n}"), 2));
    }
    time.set(4_000);
    progress.redraw();
    insta::assert_snapshot!(screen.text(), @r"
    + subnet/0  creating     4.0s
    + subnet/1  creating     4.0s
    + subnet/2  creating     4.0s
    + subnet/3  creating     4.0s
    + subnet/4  creating     4.0s
    + subnet/5  creating     4.0s
      and 24 more
      0/40 done, 30 running, 4.0s, about 9 min left
    ");
}

/// `cargo test --lib progress_to_look_at -- --ignored --nocapture`, on a terminal.
#[test]
#[ignore = "for looking at"]
fn progress_to_look_at() {
    let time = Time::default();
    let mut progress = Progress::terminal(context(), true).with_clock(time.clock());
    for (millis, event) in failing() {
        let now = time.0.load(Ordering::Relaxed);
        for step in (now..millis).step_by(200) {
            time.set(step);
            progress.tick();
            std::thread::sleep(Duration::from_millis(20));
        }
        time.set(millis);
        progress.event(&event);
    }
}
