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
