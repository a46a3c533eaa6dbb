//! Folders that are gone again unless what they were made for succeeds.

use std::io;
use std::path::Path;

/// A folder that was there, or was made with all above it that was missing.
#[must_use = "what was made is removed again when this is dropped"]
pub struct NewFolder<'a> {
    /// Innermost first.
    made: Vec<&'a Path>,
}

impl<'a> NewFolder<'a> {
    /// Makes `path` where it is missing.
    ///
    /// # Errors
    /// Those of [`std::fs::create_dir_all`]; then nothing of it stays.
    pub fn create(path: &'a Path) -> io::Result<Self> {
        let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let folder = Self { made: path.ancestors().take_while(missing).collect() };
        std::fs::create_dir_all(path)?;
        Ok(folder)
    }

    /// Leaves it where it is.
    pub fn keep(mut self) {
        self.made.clear();
    }
}

impl Drop for NewFolder<'_> {
    fn drop(&mut self) {
        let mut made = self.made.iter().filter(|folder| folder.exists());
        // Fails where someone else put something into it meanwhile, and then that and all around it stays.
        let _ = made.try_for_each(std::fs::remove_dir);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_goes_and_what_was_there_stays() {
        let place = tempfile::tempdir().expect("a folder");
        let inner = place.path().join("a/b");
        drop(NewFolder::create(&inner).expect("made"));
        assert!(!place.path().join("a").exists() && place.path().exists());
        NewFolder::create(&inner).expect("made").keep();
        drop(NewFolder::create(&inner.join("c")).expect("made"));
        assert!(inner.exists() && !inner.join("c").exists());
        let impossible = place.path().join("new").join("x".repeat(300));
        assert!(NewFolder::create(&impossible).is_err() && !place.path().join("new").exists());
    }
}
