//! The database of registered keys, which survive a restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, TableDefinition,
    TableError, WriteTransaction,
};
use sottovoce_protocol::Fingerprint;

/// Registration messages by their fingerprints.
const REGISTRATIONS: TableDefinition<'_, &[u8; Fingerprint::BYTES], &[u8]> =
    TableDefinition::new("registrations-2");

/// Size of the database's cache. It is small, because keys that are in use are in the provider's memory.
const CACHE_BYTES: usize = 16 << 20;

/// The database of registered keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the database of registered keys, {path}, cannot be {action}", path = path.display())]
pub struct KeyStoreError {
    path: PathBuf,
    /// "opened", "read" or "written".
    action: &'static str,
    source: Box<redb::Error>,
}

/// Registration messages in an embedded database. A message is on disk when the call that stores it returns. Calls that read
/// do not wait for calls that write, and a call that changes nothing writes nothing.
pub struct KeyStore {
    path: PathBuf,
    /// `None` after a failure, such as a full disk: the database must then be opened again.
    database: Mutex<Option<Arc<Database>>>,
}

impl KeyStore {
    /// Opens the database at `path`, or creates it.
    pub fn open(path: &Path) -> Result<Self, KeyStoreError> {
        let store = Self { path: path.to_owned(), database: Mutex::new(None) };
        store.with("opened", |database| {
            match database.begin_read()?.open_table(REGISTRATIONS) {
                Ok(_) => return Ok(()),
                Err(TableError::TableDoesNotExist(_)) => {}
                Err(error) => return Err(error.into()),
            }
            let transaction = begin_write(database)?;
            transaction.open_table(REGISTRATIONS)?;
            Ok(transaction.commit()?)
        })?;
        Ok(store)
    }

    /// Stores a message unless `max` other messages are stored. Returns whether it is stored now.
    pub fn insert(&self, key: Fingerprint, message: &[u8], max: u64) -> Result<bool, KeyStoreError> {
        self.with("written", |database| {
            let transaction = begin_write(database)?;
            {
                let mut table = transaction.open_table(REGISTRATIONS)?;
                // Messages with equal fingerprints are equal.
                if table.get(key.as_bytes())?.is_some() {
                    return Ok(true);
                }
                if table.len()? >= max {
                    return Ok(false);
                }
                table.insert(key.as_bytes(), message)?;
            }
            transaction.commit()?;
            Ok(true)
        })
    }

    /// Deletes all messages for which `is_stale` is true. Reads the whole database.
    pub fn remove_stale(&self, is_stale: impl Fn(&[u8]) -> bool) -> Result<(), KeyStoreError> {
        self.with("written", |database| {
            let transaction = begin_write(database)?;
            let mut removed = false;
            transaction.open_table(REGISTRATIONS)?.retain(|_, message| {
                let stays = !is_stale(message);
                removed |= !stays;
                stays
            })?;
            if removed {
                transaction.commit()?;
            }
            Ok(())
        })
    }

    /// Returns a message, if it is stored.
    pub fn get(&self, key: Fingerprint) -> Result<Option<Vec<u8>>, KeyStoreError> {
        self.with("read", |database| {
            let table = database.begin_read()?.open_table(REGISTRATIONS)?;
            Ok(table.get(key.as_bytes())?.map(|message| message.value().to_vec()))
        })
    }

    /// Deletes a message. Returns whether it was stored.
    pub fn remove(&self, key: Fingerprint) -> Result<bool, KeyStoreError> {
        self.with("written", |database| {
            // A client can ask for this again and again. Reading does not wait for those who write.
            if database.begin_read()?.open_table(REGISTRATIONS)?.get(key.as_bytes())?.is_none() {
                return Ok(false);
            }
            let transaction = begin_write(database)?;
            let found = transaction.open_table(REGISTRATIONS)?.remove(key.as_bytes())?.is_some();
            if found {
                transaction.commit()?;
            }
            Ok(found)
        })
    }

    /// Returns the number of messages.
    pub fn len(&self) -> Result<u64, KeyStoreError> {
        self.with("read", |database| Ok(database.begin_read()?.open_table(REGISTRATIONS)?.len()?))
    }

    fn with<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, KeyStoreError> {
        let result = self.opened().and_then(|database| {
            let result = work(&database);
            if result.is_err() {
                let mut current = self.database.lock();
                // Another thread may have opened the database again meanwhile.
                if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, &database)) {
                    *current = None;
                }
            }
            result
        });
        result.map_err(|source| KeyStoreError { path: self.path.clone(), action, source: Box::new(source) })
    }

    /// Returns the database, and opens it after a failure.
    fn opened(&self) -> Result<Arc<Database>, redb::Error> {
        let mut current = self.database.lock();
        if let Some(database) = &*current {
            return Ok(Arc::clone(database));
        }
        let database = Arc::new(Database::builder().set_cache_size(CACHE_BYTES).create(&self.path)?);
        *current = Some(Arc::clone(&database));
        Ok(database)
    }
}

/// Begins a transaction. The database is usable at once after a crash: it need not be read and checked as a whole, although
/// clients choose most of its bytes.
fn begin_write(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_reopening_the_database() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.redb");
        let key = |byte| Fingerprint::from_bytes([byte; 32]);
        let put = |store: &KeyStore, name, message: &[u8]| store.insert(key(name), message, 2);
        let store = KeyStore::open(&path).unwrap();
        assert!(put(&store, 1, b"one").unwrap() && put(&store, 2, b"two").unwrap());
        // The store is full. Messages that are stored can be sent again.
        assert!(!put(&store, 3, b"three").unwrap());
        assert!(put(&store, 2, b"two").unwrap());
        assert!(KeyStore::open(&path).is_err(), "only one service can use a database");
        drop(store);
        let store = KeyStore::open(&path).unwrap();
        assert_eq!(store.get(key(1)).unwrap().as_deref(), Some(&b"one"[..]));
        assert_eq!((store.get(key(3)).unwrap(), store.len().unwrap()), (None, 2));
        assert!(store.remove(key(1)).unwrap() && !store.remove(key(1)).unwrap());
        assert!(put(&store, 3, b"three").unwrap());
        store.remove_stale(|message| message == b"two").unwrap();
        assert_eq!((store.get(key(2)).unwrap(), store.len().unwrap()), (None, 1));
    }

    #[test]
    fn calls_that_change_nothing_write_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.redb");
        let key = |byte| Fingerprint::from_bytes([byte; 32]);
        drop(KeyStore::open(&path).unwrap());
        let store = KeyStore::open(&path).unwrap();
        assert!(store.insert(key(1), b"one", 1).unwrap());
        // Every commit changes a number in the first page of the file.
        let before = std::fs::read(&path).unwrap();
        for _ in 0..3 {
            assert!(store.insert(key(1), b"one", 1).unwrap());
            assert!(!store.insert(key(2), b"two", 1).unwrap());
            assert!(!store.remove(key(2)).unwrap());
            store.remove_stale(|message| message == b"two").unwrap();
        }
        assert!(std::fs::read(&path).unwrap() == before);
        assert!(store.remove(key(1)).unwrap());
        assert!(std::fs::read(&path).unwrap() != before);
    }

    #[test]
    fn a_file_that_is_not_a_database_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.redb");
        std::fs::write(&path, b"notes").unwrap();
        assert!(KeyStore::open(&path).err().unwrap().to_string().contains("keys.redb"));
        assert!(KeyStore::open(&folder.path().join("none/keys.redb")).is_err());
    }
}
