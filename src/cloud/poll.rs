//! Waiting: one reader a type answers for all that wait for something of that type.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{Notify, oneshot},
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{Cloud, observe::read};
use crate::resource::{AnyLive, Error, Id, Location, Wanted, World};

type Answer = Result<Option<AnyLive>, Error>;
type Key = (String, Location);

/// The readers; they end when this is dropped.
pub struct Pollers<W: World> {
    cloud: Arc<Cloud<W>>,
    pollers: Mutex<HashMap<Key, Arc<Poller>>>,
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Default)]
struct Poller {
    waiting: Mutex<Vec<Waiting>>,
    changed: Notify,
}

struct Waiting {
    id: Id,
    wanted: BTreeSet<String>,
    due: Instant,
    answer: oneshot::Sender<Answer>,
}

impl<W: World> Pollers<W> {
    pub fn new(cloud: Arc<Cloud<W>>) -> Self {
        Self { cloud, pollers: Mutex::default(), tasks: Mutex::default() }
    }

    /// What the next read says of a resource; the read is made at `due` at the latest.
    ///
    /// # Errors
    /// The read failed for good.
    pub async fn next(&self, type_name: &str, location: &Location, id: &Id, wanted: &BTreeSet<String>, due: Instant) -> Answer {
        let (answer, receiver) = oneshot::channel();
        let poller = self.poller((type_name.to_owned(), location.clone()));
        poller.waiting.lock().expect("nobody panics while holding it").push(Waiting {
            id: id.clone(),
            wanted: wanted.clone(),
            due,
            answer,
        });
        poller.changed.notify_one();
        receiver.await.unwrap_or_else(|_| Err(Error::bug("read", "the reader ended early")))
    }

    fn poller(&self, key: Key) -> Arc<Poller> {
        let mut pollers = self.pollers.lock().expect("nobody panics while holding it");
        let make = |key: &Key| {
            let poller = Arc::new(Poller::default());
            self.tasks.lock().expect("nobody panics while holding it").spawn(poll(self.cloud.clone(), key.clone(), poller.clone()));
            poller
        };
        if let Some(poller) = pollers.get(&key) {
            return poller.clone();
        }
        let poller = make(&key);
        pollers.insert(key, poller.clone());
        poller
    }
}

/// Reads whenever the most impatient is due, for all that wait.
async fn poll<W: World>(cloud: Arc<Cloud<W>>, (type_name, location): Key, poller: Arc<Poller>) {
    loop {
        let due = {
            let mut waiting = poller.waiting.lock().expect("nobody panics while holding it");
            // Nobody waits any more for what was given up.
            waiting.retain(|it| !it.answer.is_closed());
            waiting.iter().map(|it| it.due).min()
        };
        match due {
            None => {
                poller.changed.notified().await;
                continue;
            }
            Some(due) => tokio::select! {
                () = sleep_until(due) => {}
                // Somebody more impatient may have come.
                () = poller.changed.notified() => continue,
            },
        }
        let waiting = std::mem::take(&mut *poller.waiting.lock().expect("nobody panics while holding it"));
        let ids: Vec<_> = waiting.iter().map(|it| it.id.clone()).collect::<BTreeSet<_>>().into_iter().collect();
        let wanted = Wanted(waiting.iter().flat_map(|it| it.wanted.iter().cloned()).collect());
        let result = read(&cloud, &type_name, &location, &ids, &wanted).await;
        let found: Result<HashMap<_, _>, _> = result.map(|it| ids.into_iter().zip(it).collect());
        for it in waiting {
            let answer = found.as_ref().map(|found| found.get(&it.id).cloned().flatten()).map_err(Clone::clone);
            // Who gave up waiting needs no answer.
            let _ = it.answer.send(answer);
        }
    }
}

/// When to look again after waiting for some time: at first often, later ever less, never more than two seconds late.
pub fn pace(elapsed: Duration) -> Duration {
    (elapsed / 8).clamp(Duration::from_millis(200), Duration::from_secs(2))
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use futures::future::join_all;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::cloud::call::Patience;
    use crate::resource::{Create, Delete, Facts, Live, Resource, Result as Done, Status, Types, Update};

    /// For which ids, and when.
    type Asked = (Vec<String>, Duration);

    /// The ids of each read, and when it was.
    #[derive(Clone, Default)]
    struct Reads(Arc<Mutex<Vec<Asked>>>);

    impl World for Reads {
        fn at(&self, _: &Location) -> Self {
            self.clone()
        }
    }

    struct Thing;

    #[derive(Debug, Deserialize, JsonSchema, Serialize)]
    struct Spec {}

    #[derive(JsonSchema, Serialize)]
    struct Outputs {
        id: String,
    }

    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

    impl Resource for Thing {
        type World = Reads;
        type Spec = Spec;
        type Outputs = Outputs;

        const NAME: &'static str = "test.thing";
        const FACTS: Facts = Facts::DEFAULT;

        async fn read(world: &Reads, ids: &[Id], _: &Wanted) -> Done<Vec<Option<Live<Self>>>> {
            // A timer may be some part of a millisecond late.
            let read = (ids.iter().map(|it| it.0.clone()).collect(), Duration::from_secs(BEGIN.elapsed().as_secs()));
            world.0.lock().expect("nobody panics while holding it").push(read);
            let live = |id: &Id| Live { spec: Spec {}, outputs: Outputs { id: id.0.clone() }, status: Status::Ready, unread: vec![] };
            Ok(ids.iter().map(|id| (id.as_str() != "gone").then(|| live(id))).collect())
        }

        async fn create(_: &Reads, _: Create<'_, Self>) -> Done<Id> {
            unreachable!("nothing is made")
        }

        async fn update(_: &Reads, _: Update<'_, Self>) -> Done<()> {
            unreachable!("nothing is changed")
        }

        async fn delete(_: &Reads, _: Delete<'_, Self>) -> Done<()> {
            unreachable!("nothing is deleted")
        }
    }

    /// When the most impatient is due, and then for all of them.
    #[tokio::test(start_paused = true)]
    async fn one_read_answers_for_all_that_wait() {
        let begin = *BEGIN;
        let reads = Reads::default();
        let pollers = Pollers::new(Arc::new(Cloud::new(Arc::new(Types::new(&[&Thing], &[])), reads.clone())));
        let here = Location::default();
        let ids = ["a", "b", "gone", "a"].map(Id::from);
        let wanted = BTreeSet::new();
        let ask = |(n, id): (u64, _)| pollers.next(Thing::NAME, &here, id, &wanted, begin + Duration::from_secs(9 - n));
        let found = join_all((0..).zip(&ids).map(ask)).await;
        let found: Vec<_> = found.into_iter().map(|it| it.expect("a read").is_some()).collect();
        assert_eq!(found, [true, true, false, true]);
        let read = (vec!["a".to_owned(), "b".to_owned(), "gone".to_owned()], Duration::from_secs(6));
        assert_eq!(*reads.0.lock().expect("nobody panics while holding it"), [read]);
    }

    /// However many wait, a call goes through at once.
    #[tokio::test(start_paused = true)]
    async fn who_waits_holds_up_nobody() {
        let cloud = Arc::new(Cloud::new(Arc::new(Types::new(&[&Thing], &[])), Reads::default()));
        let pollers = Pollers::new(cloud.clone());
        let (here, wanted, begin) = (Location::default(), BTreeSet::new(), Instant::now());
        let ids: Vec<_> = (0..1000).map(|n| Id(format!("thing-{n}"))).collect();
        let waiting = join_all(ids.iter().map(|id| pollers.next(Thing::NAME, &here, id, &wanted, begin + Duration::from_secs(60))));
        let call = cloud.call("test", &Facts::DEFAULT, Patience::Once, &|_| {}, async || Ok(begin.elapsed()));
        let working = async { (call.await, begin.elapsed()) };
        let (found, (called, done)) = futures::join!(waiting, working);
        assert_eq!((called.expect("done"), done), (Duration::ZERO, Duration::ZERO));
        assert!(found.into_iter().all(|it| it.is_ok_and(|it| it.is_some())));
    }

    #[test]
    fn the_longer_it_takes_the_less_often_it_is_looked_at() {
        for (waited, next) in [(0, 200), (800, 200), (4_000, 500), (16_000, 2_000), (3_600_000, 2_000)] {
            assert_eq!(pace(Duration::from_millis(waited)), Duration::from_millis(next), "after {waited} ms");
        }
    }
}
