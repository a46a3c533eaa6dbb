//! Which files are frames of one stack, and what is said of the others.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::survey::Run;
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::frame::Size;
use crate::image_io::{self, Header, Limits};

impl<B: Backend> Run<'_, B> {
    /// Headers of the frames of the most frequent size, by place in the list.
    pub fn probe(&mut self) -> Result<BTreeMap<usize, Header>> {
        let limits = Limits::default();
        let probed: Vec<_> = self.job.files.par_iter().map(|file| image_io::probe(file, &limits)).collect();
        let mut headers = BTreeMap::new();
        for (index, header) in probed.into_iter().enumerate() {
            match header {
                Ok(header) => drop(headers.insert(index, header)),
                Err(error) => self.leave_out(index, &error),
            }
        }
        let count = |size: Size| headers.values().filter(|header| header.size == size).count();
        let sizes =
            headers.iter().map(|(index, header)| (count(header.size), usize::MAX - index, header.size));
        let Some((_, _, size)) = sizes.max_by_key(|&(count, first, _)| (count, first)) else {
            return Err(self.too_few());
        };
        for (&index, header) in &headers {
            if header.size != size {
                let reason =
                    format!("is {} where the others are {size}; photograph all frames alike", header.size);
                self.left_out.insert(index, reason);
            }
        }
        headers.retain(|_, header| header.size == size);
        warn_of_more(&self.job.files, &headers);
        if headers.len() < 2 { Err(self.too_few()) } else { Ok(headers) }
    }

    pub fn leave_out(&mut self, index: usize, error: &Error) {
        let reason = match error {
            Error::Picture { reason, .. } => reason.clone(),
            Error::Io { action, source, .. } => format!("{action} failed: {source}"),
            other => other.to_string(),
        };
        self.left_out.insert(index, reason);
    }

    pub(super) fn too_few(&self) -> Error {
        let text = "fewer than two usable frames are left; each needs to be a readable JPEG, PNG or TIFF of one size";
        Error::Stack(text.to_owned() + &self.reasons())
    }

    /// What was left out and why, a line each.
    pub fn reasons(&self) -> String {
        let line = |(&index, reason): (&usize, &String)| {
            format!("\n  {}: {reason}", self.job.files[index].display())
        };
        self.left_out.iter().map(line).collect()
    }
}

/// Says what of the files is not looked at.
fn warn_of_more(files: &[std::path::PathBuf], headers: &BTreeMap<usize, Header>) {
    let first = |what: fn(&Header) -> bool| {
        let mut found = headers.iter().filter(|(_, header)| what(header));
        let file = files[*found.next()?.0].display();
        Some(match found.count() {
            0 => format!("{file}"),
            more => format!("{file} and {more} more"),
        })
    };
    if let Some(files) = first(|header| header.more_pictures) {
        tracing::warn!("{files}: several pictures in one file: the first one is taken");
    }
    if let Some(files) = first(|header| header.alpha) {
        tracing::warn!("{files}: transparency is not looked at");
    }
}
