//! Registered keys on disk, so that they survive a restart.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, TableDefinition,
};

use crate::Fingerprint;
use crate::lock::lock;

/// Registration messages by their fingerprints.
const REGISTRATIONS: TableDefinition<'_, &[u8; Fingerprint::BYTES], &[u8]> =
    TableDefinition::new("registrations-2");

/// What the database may hold in memory: keys that are in use are at hand anyway.
const CACHE_BYTES: usize = 16 << 20;

/// The database of registrations, or of others, cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the database of registered keys, {path}, cannot be {what}", path = path.display())]
pub struct StoreError {
    path: PathBuf,
    what: &'static str,
    source: Box<redb::Error>,
}

/// Registration messages in an embedded database. What was stored is on disk when a call returns.
pub struct KeyStore {
    path: PathBuf,
    /// Nothing after a failure, such as a full disk: the database wants to be opened again then.
    database: Mutex<Option<Database>>,
}

impl KeyStore {
    /// Opens the database `path`, or makes it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let store = Self { path: path.to_owned(), database: Mutex::new(None) };
        store.with("opened", |database| {
            let transaction = database.begin_write()?;
            transaction.open_table(REGISTRATIONS)?;
            Ok(transaction.commit()?)
        })?;
        Ok(store)
    }

    /// Stores a message unless `most` others are there; whether it is there now.
    pub fn put(&self, key: Fingerprint, message: &[u8], most: u64) -> Result<bool, StoreError> {
        self.with("written", |database| {
            let transaction = database.begin_write()?;
            {
                let mut table = transaction.open_table(REGISTRATIONS)?;
                // The same name is the same message.
                if table.get(key.as_bytes())?.is_some() {
                    return Ok(true);
                }
                if table.len()? >= most {
                    return Ok(false);
                }
                table.insert(key.as_bytes(), message)?;
            }
            transaction.commit()?;
            Ok(true)
        })
    }

    /// Forgets all messages that are `stale`. It reads all of them.
    pub fn purge(&self, stale: impl Fn(&[u8]) -> bool) -> Result<(), StoreError> {
        self.with("written", |database| {
            let transaction = database.begin_write()?;
            transaction.open_table(REGISTRATIONS)?.retain(|_, message| !stale(message))?;
            Ok(transaction.commit()?)
        })
    }

    /// A message, if it is there.
    pub fn get(&self, key: Fingerprint) -> Result<Option<Vec<u8>>, StoreError> {
        self.with("read", |database| {
            let table = database.begin_read()?.open_table(REGISTRATIONS)?;
            Ok(table.get(key.as_bytes())?.map(|message| message.value().to_vec()))
        })
    }

    /// Forgets a message; whether it was there.
    pub fn remove(&self, key: Fingerprint) -> Result<bool, StoreError> {
        self.with("written", |database| {
            let transaction = database.begin_write()?;
            let found = transaction.open_table(REGISTRATIONS)?.remove(key.as_bytes())?.is_some();
            transaction.commit()?;
            Ok(found)
        })
    }

    /// How many there are.
    pub fn len(&self) -> Result<u64, StoreError> {
        self.with("read", |database| Ok(database.begin_read()?.open_table(REGISTRATIONS)?.len()?))
    }

    fn with<T>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let mut database = lock(&self.database);
        let opened = match database.take() {
            Some(opened) => Ok(opened),
            None => {
                Database::builder().set_cache_size(CACHE_BYTES).create(&self.path).map_err(redb::Error::from)
            }
        };
        let result = opened.and_then(|opened| {
            let result = work(&opened)?;
            *database = Some(opened);
            Ok(result)
        });
        result.map_err(|source| StoreError { path: self.path.clone(), what, source: Box::new(source) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_is_there_after_the_database_was_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.redb");
        let key = |byte| Fingerprint::new([byte; 32]);
        let put = |store: &KeyStore, name, message: &[u8]| store.put(key(name), message, 2);
        let store = KeyStore::open(&path).unwrap();
        assert!(put(&store, 1, b"one").unwrap() && put(&store, 2, b"two").unwrap());
        // As many as are kept; those that are there may come again.
        assert!(!put(&store, 3, b"three").unwrap());
        assert!(put(&store, 2, b"two").unwrap());
        assert!(KeyStore::open(&path).is_err(), "a database has one service");
        drop(store);
        let store = KeyStore::open(&path).unwrap();
        assert_eq!(store.get(key(1)).unwrap().as_deref(), Some(&b"one"[..]));
        assert_eq!((store.get(key(3)).unwrap(), store.len().unwrap()), (None, 2));
        assert!(store.remove(key(1)).unwrap() && !store.remove(key(1)).unwrap());
        assert!(put(&store, 3, b"three").unwrap());
        store.purge(|message| message == b"two").unwrap();
        assert_eq!((store.get(key(2)).unwrap(), store.len().unwrap()), (None, 1));
    }

    #[test]
    fn what_is_no_database_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.redb");
        std::fs::write(&path, b"notes").unwrap();
        assert!(KeyStore::open(&path).err().unwrap().to_string().contains("keys.redb"));
        assert!(KeyStore::open(&folder.path().join("none/keys.redb")).is_err());
    }
}
