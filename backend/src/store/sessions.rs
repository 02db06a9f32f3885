//! Conversations: in the database where there is one, else in this process's memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::Serialize;
use utoipa::ToSchema;

use super::{Database, StoreError};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    User,
    Assistant,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Turn {
    pub role: Role,
    pub content: String,
}

/// How many messages a conversation remembers.
const REMEMBERED: usize = 40;
/// Limits of the conversations in memory, which would otherwise grow with every visitor.
const IN_MEMORY: usize = 2000;
const IDLE: Duration = Duration::from_secs(12 * 3600);

pub enum Sessions {
    Memory(Mutex<HashMap<String, Remembered>>),
    Stored(Arc<Database>),
}

pub struct Remembered {
    turns: Vec<Turn>,
    used: Instant,
}

impl Sessions {
    pub fn new(database: Option<Arc<Database>>) -> Self {
        database.map_or_else(|| Self::Memory(Mutex::default()), Self::Stored)
    }

    /// The messages of a conversation, oldest first; `None` for one that does not exist.
    pub async fn turns(&self, id: &str) -> Result<Option<Vec<Turn>>, StoreError> {
        match self {
            Self::Memory(sessions) => {
                let sessions = sessions.lock().expect("nothing panics while it holds this lock");
                Ok(sessions.get(id).filter(|session| session.used.elapsed() < IDLE).map(|session| session.turns.clone()))
            }
            Self::Stored(database) => {
                let client = database.connection().await?;
                let limit = i64::try_from(REMEMBERED).expect("a small number");
                // The outer join tells a conversation without messages from one that does not exist.
                let statement = client
                    .prepare_cached(
                        "SELECT m.role, m.content FROM chat_sessions s LEFT JOIN LATERAL
                             (SELECT id, role, content FROM chat_messages WHERE session_id = s.id ORDER BY id DESC LIMIT $2) m ON true
                         WHERE s.id = $1 ORDER BY m.id",
                    )
                    .await?;
                let rows = client.query(&statement, &[&id, &limit]).await?;
                if rows.is_empty() {
                    return Ok(None);
                }
                let turn = |row: &tokio_postgres::Row| {
                    let role = match row.get::<_, Option<&str>>(0)? {
                        "user" => Role::User,
                        _ => Role::Assistant,
                    };
                    Some(Turn { role, content: row.get(1) })
                };
                Ok(Some(rows.iter().filter_map(turn).collect()))
            }
        }
    }

    /// Adds a question and its answer together, so that the two roles always alternate.
    pub async fn add(&self, id: &str, question: &str, answer: &str) -> Result<(), StoreError> {
        match self {
            Self::Memory(sessions) => {
                let mut sessions = sessions.lock().expect("nothing panics while it holds this lock");
                if sessions.len() >= IN_MEMORY && !sessions.contains_key(id) {
                    forget_oldest(&mut sessions);
                }
                let session = sessions.entry(id.to_owned()).or_insert_with(|| Remembered { turns: Vec::new(), used: Instant::now() });
                if session.used.elapsed() >= IDLE {
                    session.turns.clear();
                }
                session.used = Instant::now();
                session.turns.push(Turn { role: Role::User, content: question.to_owned() });
                session.turns.push(Turn { role: Role::Assistant, content: answer.to_owned() });
                let surplus = session.turns.len().saturating_sub(REMEMBERED);
                session.turns.drain(..surplus);
            }
            Self::Stored(database) => {
                let client = database.connection().await?;
                let statement = client
                    .prepare_cached(
                        "WITH session AS (
                             INSERT INTO chat_sessions (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET used_at = now() RETURNING id)
                         INSERT INTO chat_messages (session_id, role, content)
                         SELECT id, role, content FROM session, (VALUES (1, 'user', $2::text), (2, 'assistant', $3::text)) AS pair (n, role, content)
                         ORDER BY n",
                    )
                    .await?;
                client.execute(&statement, &[&id, &question, &answer]).await?;
            }
        }
        Ok(())
    }

    /// Forgets a conversation; says whether there was one.
    pub async fn remove(&self, id: &str) -> Result<bool, StoreError> {
        match self {
            Self::Memory(sessions) => Ok(sessions.lock().expect("nothing panics while it holds this lock").remove(id).is_some()),
            Self::Stored(database) => {
                let client = database.connection().await?;
                Ok(client.execute("DELETE FROM chat_sessions WHERE id = $1", &[&id]).await? > 0)
            }
        }
    }
}

fn forget_oldest(sessions: &mut HashMap<String, Remembered>) {
    sessions.retain(|_, session| session.used.elapsed() < IDLE);
    while sessions.len() >= IN_MEMORY {
        let Some(oldest) = sessions.iter().min_by_key(|(_, session)| session.used).map(|(id, _)| id.clone()) else { return };
        sessions.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn memory_is_bounded_in_conversations_and_in_messages() {
        let sessions = Sessions::new(None);
        for number in 0..IN_MEMORY + 5 {
            sessions.add(&number.to_string(), "q", "a").await.unwrap();
        }
        assert_eq!(sessions.turns("0").await.unwrap(), None);
        for _ in 0..REMEMBERED {
            sessions.add("long", "q", "a").await.unwrap();
        }
        let turns = sessions.turns("long").await.unwrap().unwrap();
        assert_eq!((turns.len(), turns[0].role), (REMEMBERED, Role::User));
        assert!(sessions.remove("long").await.unwrap());
        assert!(!sessions.remove("long").await.unwrap());
    }
}
