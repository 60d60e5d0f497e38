//! Known data sets from their mirrors into the cache folder, whole or not at all (the feature `download`; addresses
//! that begin with `https` need `tls` as well). Nothing in the library calls this: whoever wants a download asks for it.
//!
//! A file is written to `NAME.part` beside its place, hashed on the way, and renamed when its SHA-256 is the known one.
//! That hash decides, whatever a server says: so plain HTTP is as good as TLS, one mirror goes on where another broke
//! off, and a `.part` of an earlier process is gone on with (`Range: bytes=N-`).
//!
//! - The size is known: an announced one that differs is refused before anything is read, and never more than it is
//!   read or written. A server that ignores the range sends the file from its beginning.
//! - Wrong bytes are thrown away. Where all of them came from one mirror, that mirror is not asked again.
//! - A mirror that breaks off is asked to go on for as long as the file grows by more than a thousandth each time;
//!   otherwise the next one is tried, [`Downloader::tries`] times around, with pauses that double.
//! - It gives up on who is silent for [`Downloader::timeout`], or sends less than 64 KiB in twice that time.
//! - At most five redirections. `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` are honoured.
//! - `VANILLA_MIRROR=http://HOST/PATH` is asked for `PATH/SET/FILE` in the place of the public mirrors.
//! - Two processes do not clash: the second waits for the first, and finds the file there.
//!
//! Source: RFC 9110, sections 14 (range requests) and 15 (status codes).

use super::hex;
use super::known::{Known, Remote, known};
use crate::error::{Error, Result};
use crate::storage::{Disk, Fs, Step, StorageError, make_folder};
use sha2::{Digest, Sha256};
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What is read at a time, bytes.
const PIECE: usize = 1 << 16;
const MAX_REDIRECTIONS: u32 = 5;
/// The file that is locked in the folder.
const LOCK: &str = ".download-lock";

/// What happens during a download.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Another process downloads into this folder; it is waited for.
    Waiting(&'a Path),
    /// The file was there already.
    There(&'a Path),
    /// A mirror is asked.
    Begin {
        /// The address.
        url: &'a str,
        /// Bytes of the file that are there from before.
        done: u64,
        /// Bytes of the whole file.
        total: u64,
    },
    /// The file has grown, or begins again.
    Bytes {
        /// Bytes of the file that are there.
        done: u64,
        /// Bytes of the whole file.
        total: u64,
    },
    /// A mirror failed; what follows is another attempt, or the error.
    Failed {
        /// The address.
        url: &'a str,
        /// What went wrong.
        problem: &'a str,
    },
    /// The file is there, and its SHA-256 is right.
    Done(&'a Path),
}

/// Downloads a known data set; gives the folder that it is in. `tell` is called with what happens.
///
/// ```no_run
/// vanilla::datasets::download("fashion_mnist", &mut |event| eprintln!("{event:?}"))?;
/// let ((x_train, y_train), (x_test, y_test)) = vanilla::datasets::fashion_mnist::load_data()?;
/// # Ok::<(), vanilla::Error>(())
/// ```
///
/// # Errors
/// When the name is unknown, no mirror gives the right bytes, or the cache folder cannot be written.
pub fn download(name: &str, tell: &mut dyn FnMut(Event)) -> Result<PathBuf> {
    Downloader::new().download(known(name)?, tell)
}

/// How to download.
#[derive(Clone, Debug)]
pub struct Downloader {
    mirror: Option<String>,
    folder: Option<PathBuf>,
    timeout: Duration,
    tries: usize,
    pause: Duration,
    proxies: bool,
}

impl Default for Downloader {
    fn default() -> Self {
        Self::new()
    }
}

/// Why an attempt ended.
enum Stop {
    /// It may go better next time.
    Broken(String),
    /// This mirror has not what it should have.
    Wrong(String),
    /// The fault is here.
    Local(Error),
}

impl Downloader {
    /// The public mirrors, or `VANILLA_MIRROR` where it is set; 30 s of silence at most, each mirror three times.
    pub fn new() -> Self {
        let mirror = std::env::var("VANILLA_MIRROR").ok().filter(|mirror| !mirror.is_empty());
        Self {
            mirror,
            folder: None,
            timeout: Duration::from_secs(30),
            tries: 3,
            pause: Duration::from_secs(1),
            proxies: true,
        }
    }

    /// Asks `URL/SET/FILE` in the place of the public mirrors.
    pub fn mirror(mut self, url: impl Into<String>) -> Self {
        self.mirror = Some(url.into());
        self
    }

    /// Downloads into this folder instead of the cache.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// How long a server may be silent.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often each mirror is tried that brings nothing.
    pub fn tries(mut self, tries: usize) -> Self {
        self.tries = tries.max(1);
        self
    }

    /// The pause before mirrors are tried again; it doubles each time.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Whether proxies of the environment are used; yes by default.
    pub fn proxies(mut self, proxies: bool) -> Self {
        self.proxies = proxies;
        self
    }

    /// Downloads every file of this data set that is not there; gives their folder.
    ///
    /// # Errors
    /// As [`download`].
    pub fn download(&self, known: &Known, tell: &mut dyn FnMut(Event)) -> Result<PathBuf> {
        let folder = match &self.folder {
            Some(folder) => folder.clone(),
            None => known.cache_folder()?,
        };
        for remote in known.downloads {
            let urls = match &self.mirror {
                Some(mirror) => vec![format!("{}/{}/{}", mirror.trim_end_matches('/'), known.folder, remote.name)],
                None => remote.urls().collect(),
            };
            self.fetch(remote, &urls, &folder, tell)?;
        }
        Ok(folder)
    }

    /// One file.
    fn fetch(
        &self,
        remote: &Remote,
        urls: &[String],
        folder: &Path,
        tell: &mut dyn FnMut(Event),
    ) -> Result<PathBuf> {
        let target = folder.join(remote.name);
        make_folder(folder).map_err(|source| StorageError::new(folder, Step::Write, source))?;
        let _lock = lock(folder, tell)?;
        if is_there(&target, remote) {
            tell(Event::There(&target));
            return Ok(target);
        }
        let mut part = Partial::open(folder.join(format!("{}.part", remote.name)), remote)?;
        let failed = match self.fill(&mut part, urls, tell) {
            Ok(()) => {
                part.file.sync_all().map_err(|error| part.failed(error))?;
                std::fs::rename(&part.path, &target).map_err(|error| part.failed(error))?;
                let synced = Disk.sync_folder(folder);
                synced.map_err(|source| StorageError::new(&target, Step::SyncFolder, source))?;
                tell(Event::Done(&target));
                return Ok(target);
            }
            Err(error) => error,
        };
        if part.done == 0 {
            // Nothing to go on with.
            let _ = std::fs::remove_file(&part.path);
        }
        Err(failed)
    }

    /// Fills the file until it is right.
    fn fill(&self, part: &mut Partial, urls: &[String], tell: &mut dyn FnMut(Event)) -> Result<()> {
        let agent = self.agent();
        let mut problems: Vec<Option<String>> = vec![None; urls.len()];
        let mut wrong: Vec<bool> = urls.iter().map(|url| !has_transport(url)).collect();
        for (problem, _) in problems.iter_mut().zip(&wrong).filter(|(_, wrong)| **wrong) {
            *problem = Some("needs TLS, which this program was built without (its feature `tls`)".into());
        }
        // Attempts in a row that brought nothing, and the most that was ever there.
        let (mut idle, mut most) = (0, part.done);
        let mut at = 0;
        while idle < self.tries * urls.len() && wrong.contains(&false) {
            if wrong[at] {
                at = (at + 1) % urls.len();
                continue;
            }
            let url = &urls[at];
            let stop = if part.is_whole() { None } else { self.attempt(&agent, part, at, url, tell).err() };
            let problem = match stop {
                None => match part.judge() {
                    Ok(()) => return Ok(()),
                    Err(problem) => {
                        // Where others had a part in it, nobody knows whose bytes were wrong.
                        wrong[at] = part.by == [Some(at)];
                        idle += 1;
                        part.restart()?;
                        problem
                    }
                },
                Some(Stop::Local(error)) => return Err(error),
                Some(Stop::Wrong(problem)) => {
                    wrong[at] = true;
                    problem
                }
                Some(Stop::Broken(problem)) => {
                    let further = part.done > most + part.total / 1000;
                    most = most.max(part.done);
                    if further {
                        idle = 0
                    } else {
                        idle += 1
                    }
                    tell(Event::Failed { url, problem: &problem });
                    problems[at] = Some(problem);
                    let around = (idle / urls.len()) as u32;
                    if further || around > 0 && idle.is_multiple_of(urls.len()) && idle < self.tries * urls.len() {
                        std::thread::sleep(self.pause * (1 << around.min(6)));
                    }
                    if !further {
                        at = (at + 1) % urls.len();
                    }
                    continue;
                }
            };
            tell(Event::Failed { url, problem: &problem });
            problems[at] = Some(problem);
        }
        let problems = urls
            .iter()
            .zip(problems)
            .map(|(url, problem)| format!("{url}: {}", problem.unwrap_or_else(|| "was not asked".into())));
        let name = part.path.with_extension("");
        Err(Error::Download { path: name, problem: problems.collect::<Vec<_>>().join("; ") })
    }

    fn agent(&self) -> ureq::Agent {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(MAX_REDIRECTIONS)
            .user_agent(concat!("vanilla/", env!("CARGO_PKG_VERSION")))
            // What is hashed are the bytes of the file.
            .accept_encoding("identity")
            .timeout_resolve(Some(self.timeout))
            .timeout_connect(Some(self.timeout))
            .timeout_recv_response(Some(self.timeout))
            .timeout_per_read(Some(self.timeout));
        if self.proxies { config } else { config.proxy(None) }.build().new_agent()
    }

    /// Asks one mirror for what is missing. `Ok`: all bytes are there, whatever they are.
    fn attempt(
        &self,
        agent: &ureq::Agent,
        part: &mut Partial,
        at: usize,
        url: &str,
        tell: &mut dyn FnMut(Event),
    ) -> std::result::Result<(), Stop> {
        let total = part.total;
        tell(Event::Begin { url, done: part.done, total });
        let mut request = agent.get(url);
        if part.done > 0 {
            request = request.header("Range", format!("bytes={}-", part.done));
        }
        let response = request.call().map_err(|error| self.broken(error))?;
        let header =
            |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let status = response.status();
        match status.as_u16() {
            200 => {
                if let Some(length) = header("Content-Length").filter(|length| length.parse() != Ok(total)) {
                    let problem = format!("announces {} bytes, expected {total}", printable(length));
                    return Err(Stop::Wrong(problem));
                }
                if part.done > 0 {
                    // It knows no ranges.
                    part.restart().map_err(Stop::Local)?;
                    tell(Event::Bytes { done: 0, total });
                }
            }
            206 if part.done > 0 => {
                let range = header("Content-Range").unwrap_or("nothing");
                let (from, last) = (part.done, total - 1);
                let expected = format!("bytes {from}-{last}/{total}");
                // A server need not know how long the file is.
                if range != expected && range != format!("bytes {from}-{last}/*") {
                    let problem = format!("announces the range {}, expected {expected}", printable(range));
                    return Err(Stop::Wrong(problem));
                }
            }
            416 => {
                part.restart().map_err(Stop::Local)?;
                return Err(Stop::Broken("refuses the range that is missing".into()));
            }
            code => {
                let problem =
                    format!("answers {code} {}", status.canonical_reason().unwrap_or("")).trim().to_owned();
                // Too early, too many, or a server in trouble: that may pass.
                let passes = matches!(code, 408 | 425 | 429 | 500..);
                return Err(if passes { Stop::Broken(problem) } else { Stop::Wrong(problem) });
            }
        }
        let mut body = response.into_body().into_reader();
        let mut piece = vec![0; PIECE];
        let (mut since, mut before) = (Instant::now(), part.done);
        while !part.is_whole() {
            let want = (total - part.done).min(PIECE as u64) as usize;
            let count = match body.read(&mut piece[..want]) {
                Ok(0) => return Err(Stop::Broken(format!("ends after {} of {total} bytes", part.done))),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let Stop::Broken(problem) = self.broken(error.into()) else { unreachable!("networks break") };
                    return Err(Stop::Broken(format!("{problem}, after {} of {total} bytes", part.done)));
                }
            };
            part.write(&piece[..count], at).map_err(Stop::Local)?;
            tell(Event::Bytes { done: part.done, total });
            if since.elapsed() > 2 * self.timeout {
                if part.done - before < PIECE as u64 {
                    let seconds = (2 * self.timeout).as_secs_f64();
                    let problem = format!("sends {} bytes in {seconds} s, which is too slow", part.done - before);
                    return Err(Stop::Broken(problem));
                }
                (since, before) = (Instant::now(), part.done);
            }
        }
        Ok(())
    }

    fn broken(&self, error: ureq::Error) -> Stop {
        let seconds = self.timeout.as_secs_f64();
        Stop::Broken(match error {
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                format!("no connection within {seconds} s")
            }
            ureq::Error::Timeout(_) => format!("silent for {seconds} s"),
            ureq::Error::TooManyRedirects => format!("more than {MAX_REDIRECTIONS} redirections"),
            ureq::Error::HostNotFound => "host not found".into(),
            ureq::Error::TlsRequired => {
                "redirects to TLS, which this program was built without (its feature `tls`)".into()
            }
            ureq::Error::Io(error) => printable(&error.to_string()),
            error => printable(&error.to_string()),
        })
    }
}

/// The file as far as it is there.
struct Partial {
    path: PathBuf,
    file: File,
    done: u64,
    total: u64,
    sha256: &'static str,
    hash: Sha256,
    /// Whose bytes are in it: numbers of mirrors, `None` for an earlier process.
    by: Vec<Option<usize>>,
}

impl Partial {
    fn open(path: PathBuf, remote: &Remote) -> Result<Self> {
        let failed = |source| StorageError::new(&path, Step::Write, source);
        let file =
            File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        let (total, sha256) = (remote.bytes, remote.sha256);
        let mut part = Self { path, file, done: 0, total, sha256, hash: Sha256::new(), by: Vec::new() };
        let length = part.file.metadata().map_err(|error| part.failed(error))?.len();
        if length > total {
            part.restart()?;
        }
        if length == 0 || length > total {
            return Ok(part);
        }
        let mut piece = vec![0; PIECE];
        loop {
            match part.file.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => {
                    part.hash.update(&piece[..count]);
                    part.done += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(part.failed(error)),
            }
        }
        part.by.push(None);
        Ok(part)
    }

    fn failed(&self, source: io::Error) -> Error {
        StorageError::new(&self.path, Step::Write, source).into()
    }

    fn is_whole(&self) -> bool {
        self.done == self.total
    }

    fn write(&mut self, bytes: &[u8], by: usize) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| self.failed(error))?;
        self.hash.update(bytes);
        self.done += bytes.len() as u64;
        if !self.by.contains(&Some(by)) {
            self.by.push(Some(by));
        }
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        self.file.set_len(0).and_then(|()| self.file.rewind()).map_err(|error| self.failed(error))?;
        (self.done, self.hash) = (0, Sha256::new());
        self.by.clear();
        Ok(())
    }

    /// Whether these are the right bytes.
    fn judge(&self) -> std::result::Result<(), String> {
        let found = hex(&self.hash.clone().finalize());
        if found == self.sha256 {
            return Ok(());
        }
        Err(format!("the bytes have SHA-256 {found}, expected {}", self.sha256))
    }
}

/// Whether the file is there, and right.
fn is_there(path: &Path, remote: &Remote) -> bool {
    let Ok(mut file) = File::open(path) else { return false };
    if !file.metadata().is_ok_and(|found| found.is_file() && found.len() == remote.bytes) {
        return false;
    }
    let (mut hash, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        match file.read(&mut piece) {
            Ok(0) => return hex(&hash.finalize()) == remote.sha256,
            Ok(count) => hash.update(&piece[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
}

/// A folder that nobody else may download to. The system lets go of it when the process ends.
struct Locked(File);

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing would not do: a process that another thread starts this very moment has the file, too.
        let _ = self.0.unlock();
    }
}

/// Takes the folder, or waits for who has it.
fn lock(folder: &Path, tell: &mut dyn FnMut(Event)) -> Result<Locked> {
    let path = folder.join(LOCK);
    let failed = |source| StorageError::new(&path, Step::Write, source);
    let file = File::options().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            tell(Event::Waiting(folder));
            while let Err(error) = file.lock() {
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(failed(error).into());
                }
            }
        }
        // Where the file system has no locks, two processes at once write the same bytes.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
        Err(TryLockError::Error(error)) => return Err(failed(error).into()),
    }
    Ok(Locked(file))
}

fn has_transport(url: &str) -> bool {
    cfg!(feature = "tls") || !url.starts_with("https:")
}

/// What a server says, as it may be printed.
fn printable(text: &str) -> String {
    let mut out: String = text.chars().take(100).flat_map(char::escape_debug).collect();
    if text.chars().nth(100).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests;
