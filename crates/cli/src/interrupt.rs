//! The message at Ctrl-C: which folder keeps finished work, and how to resume.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::output;

/// The exit code of programs that Ctrl-C ended: 128 + SIGINT.
const EXIT_INTERRUPTED: i32 = 130;

/// The folder whose run would be interrupted.
static FOLDER: Mutex<Option<PathBuf>> = Mutex::new(None);

/// From now on, Ctrl-C says that what is finished is kept in `folder`, and how to go on, before it ends the program.
///
/// Files are written whole or not at all, so nothing has to be cleaned up.
pub fn announce(folder: &Path) {
    let first = match FOLDER.lock() {
        Ok(mut current) => current.replace(folder.to_owned()).is_none(),
        Err(_) => return,
    };
    // If the handler cannot be installed, Ctrl-C ends the program without a word, as it does by itself.
    if first {
        let _ = ctrlc::set_handler(|| {
            let folder = FOLDER.lock().ok().and_then(|folder| folder.clone()).unwrap_or_default();
            output::remark(&format!(
                "\ninterrupted: everything that was finished is kept in {}; run the same command again to resume",
                folder.display()
            ));
            std::process::exit(EXIT_INTERRUPTED);
        });
    }
}
