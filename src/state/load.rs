//! Which state follows from the files that are there.

use super::{
    FORMAT_VERSION, FormatError, State, Store, StoreError, Warning,
    format::{self, Decoded},
    lines::{self, Bad, Contents, JOURNAL_VERSION},
    trouble::fold_problem,
};

/// A state as the last run left it, however it ended.
#[derive(Debug)]
pub struct Loaded {
    /// Nothing where this stack was never applied.
    pub state: Option<State>,
    pub warnings: Vec<Warning>,
    /// How many entries of a journal were folded in: another run was interrupted, or goes on right now.
    pub folded: usize,
}

/// The state file by itself.
pub(super) enum Current {
    Absent,
    Good { text: Vec<u8>, decoded: Box<Decoded> },
    Bad { text: Vec<u8>, error: FormatError },
}

/// What was loaded, and what of the journal could not be used.
pub(super) struct Assembled {
    pub(super) loaded: Loaded,
    pub(super) damage: Option<Bad>,
}

impl Store {
    pub(super) fn current(&self) -> Result<Current, StoreError> {
        let path = self.state_path();
        let Some(text) = self.read(&path)? else { return Ok(Current::Absent) };
        match format::decode(&text) {
            Ok(decoded) if decoded.state.stack != self.stack || decoded.state.environment != self.environment => {
                let State { stack, environment, .. } = decoded.state;
                Err(StoreError::Foreign { path, stack, environment })
            }
            Ok(decoded) => Ok(Current::Good { text, decoded: Box::new(decoded) }),
            Err(FormatError::Content { version, .. }) if version > FORMAT_VERSION => Err(StoreError::Newer { path, version }),
            Err(error) => Ok(Current::Bad { text, error }),
        }
    }

    /// The journal, where anything was recorded in it.
    pub(super) fn journal(&self) -> Result<Option<Contents>, StoreError> {
        let path = self.journal_path();
        let Some(contents) = self.read(&path)?.map(|it| lines::read(&it)) else { return Ok(None) };
        let version = contents.header.as_ref().map_or(0, |it| it.version);
        if version > JOURNAL_VERSION && contents.bad.is_some() {
            return Err(StoreError::Newer { path, version });
        }
        Ok(Some(contents))
    }

    /// Puts together what the files tell. Reads only.
    pub(super) fn assemble(&self) -> Result<Assembled, StoreError> {
        // The journal first: if a run ends in between, the state read after it has all that the journal has.
        let journal = self.journal()?;
        let mut loaded = Loaded { state: None, warnings: vec![], folded: 0 };
        let problem = match self.current()? {
            Current::Good { decoded, .. } => {
                if decoded.version > FORMAT_VERSION {
                    loaded.warnings.push(Warning::Newer { path: self.state_path(), version: decoded.version });
                }
                loaded.state = Some(decoded.state);
                None
            }
            Current::Bad { error, .. } => Some(error),
            Current::Absent => None,
        };
        if loaded.state.is_none() {
            self.fall_back(problem, &mut loaded)?;
        }
        let damage = match journal {
            Some(journal) => self.fold_journal(journal, &mut loaded)?,
            None => None,
        };
        Ok(Assembled { loaded, damage })
    }

    /// The previous version and the journal that led from it to the one that is damaged or missing.
    fn fall_back(&self, problem: Option<FormatError>, loaded: &mut Loaded) -> Result<(), StoreError> {
        let (path, previous) = (self.state_path(), self.previous_path());
        let good = self.read(&previous)?.and_then(|it| format::decode(&it).ok()).filter(|it| it.version <= FORMAT_VERSION);
        let good = good.map(|it| it.state).filter(|it| it.stack == self.stack && it.environment == self.environment);
        let Some(mut state) = good else {
            return problem.map_or(Ok(()), |source| Err(StoreError::Corrupt { path, previous, source }));
        };
        let mut replayed = 0;
        if let Some(journal) = self.read(&self.previous_journal_path())?.map(|it| lines::read(&it))
            && let Some(header) = journal.header.filter(|it| it.uuid == state.uuid && it.serial <= state.serial)
        {
            let before = state.serial;
            // It was folded once before; should it not fit now, what fits is still the best there is.
            state.replay(header.serial, &journal.entries).ok();
            replayed = usize::try_from(state.serial - before).unwrap_or(usize::MAX);
        }
        let problem = problem.map_or_else(|| "it is missing".to_owned(), |it| it.to_string());
        loaded.warnings.push(Warning::FellBack { path, problem, previous, serial: state.serial, replayed });
        loaded.state = Some(state);
        Ok(())
    }

    fn fold_journal(&self, journal: Contents, loaded: &mut Loaded) -> Result<Option<Bad>, StoreError> {
        let mut bad = journal.bad.clone();
        let mismatch = |problem: String| StoreError::JournalMismatch { journal: self.journal_path(), path: self.state_path(), problem };
        let Some(header) = &journal.header else { return Ok(bad) };
        if journal.entries.is_empty() {
            return Ok(bad);
        }
        let Some(state) = &mut loaded.state else { return Err(mismatch("there is no state".to_owned())) };
        if header.uuid != state.uuid {
            return Err(mismatch("it was begun with another state".to_owned()));
        }
        if header.serial > state.serial {
            return Err(mismatch(format!("it was begun with serial {}, and the state is at {}", header.serial, state.serial)));
        }
        if header.version > JOURNAL_VERSION {
            loaded.warnings.push(Warning::Newer { path: self.journal_path(), version: header.version });
        }
        let before = state.serial;
        if let Err(error) = state.replay(header.serial, &journal.entries) {
            // The first line is the header, and lines are counted from 1.
            bad = Some(Bad { line: error.index + 2, problem: fold_problem(&error.source) });
        }
        loaded.folded = usize::try_from(state.serial - before).unwrap_or(usize::MAX);
        Ok(bad)
    }
}
