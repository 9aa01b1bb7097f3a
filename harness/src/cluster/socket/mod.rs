//! Ranks that a launcher started, joined by sockets: rank 0 listens, the others find it through a file.
//!
//! A barrier is one message to rank 0 and one back. Nothing is sent while the commands run.

mod rendezvous;
mod wire;

use super::{ClusterError, Launch, NodeId, Ranks};
use std::cell::RefCell;
use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};
use wire::{Frame, receive, send};

/// How long ranks look for one another: longer than a shared folder takes to show a new file (NFS caches up to 60 s).
pub const JOIN: Duration = Duration::from_secs(90);

#[derive(Debug)]
enum Links {
    /// Rank 0: streams to ranks 1, 2, …
    Hub(Vec<TcpStream>),
    /// The others: the stream to rank 0.
    Spoke(TcpStream),
}

/// A rank that a launcher started.
#[derive(Debug)]
pub struct SocketRanks {
    rank: usize,
    size: usize,
    node: NodeId,
    links: RefCell<Links>,
}

impl SocketRanks {
    /// Finds the other ranks of `launch` through a file in `folder`; gives up after `patience` (usually [`JOIN`]).
    ///
    /// # Errors
    /// They did not find one another.
    pub fn join(launch: &Launch, folder: &Path, node: NodeId, patience: Duration) -> Result<Self, ClusterError> {
        let (path, deadline) = (rendezvous::path(folder, &launch.job), Instant::now() + patience);
        let links = if launch.rank == 0 {
            rendezvous::host(&path, launch.size, deadline).map(Links::Hub)
        } else {
            rendezvous::guest(&path, launch.rank, deadline).map(Links::Spoke)
        };
        let links = links.map_err(|reason| ClusterError::NotJoined {
            rank: launch.rank,
            size: launch.size,
            launcher: launch.launcher,
            seconds: patience.as_secs(),
            reason,
            folder: folder.to_owned(),
        })?;
        Ok(Self { rank: launch.rank, size: launch.size, node, links: RefCell::new(links) })
    }
}

fn lost(rank: usize, error: &io::Error) -> ClusterError {
    let reason = match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "its connection is closed".to_owned()
        }
        _ => error.to_string(),
    };
    ClusterError::Lost { rank, reason }
}

/// The next frame from `rank`, which has to be data.
fn data(stream: &mut TcpStream, rank: usize) -> Result<Vec<u8>, ClusterError> {
    match receive(stream).map_err(|error| lost(rank, &error))? {
        Frame::Data(bytes) => Ok(bytes),
        Frame::Leave(bytes) => {
            let said = || (rank, String::from_utf8_lossy(&bytes).into_owned());
            let (rank, reason) = serde_json::from_slice(&bytes).unwrap_or_else(|_| said());
            Err(ClusterError::Lost { rank, reason })
        }
    }
}

/// Says who leaves, and why: not always the sender.
fn leave(rank: usize, reason: &str) -> Frame {
    Frame::Leave(serde_json::json!([rank, reason]).to_string().into_bytes())
}

impl Ranks for SocketRanks {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn node(&self) -> NodeId {
        self.node.clone()
    }

    fn barrier(&self) -> Result<(), ClusterError> {
        self.gather(&[])?;
        self.broadcast(&[]).map(drop)
    }

    fn gather(&self, bytes: &[u8]) -> Result<Option<Vec<Vec<u8>>>, ClusterError> {
        match &mut *self.links.borrow_mut() {
            Links::Spoke(hub) => {
                send(hub, &Frame::Data(bytes.to_vec())).map_err(|error| lost(0, &error))?;
                Ok(None)
            }
            Links::Hub(streams) => {
                let mut parts = vec![bytes.to_vec()];
                for at in 0..streams.len() {
                    match data(&mut streams[at], at + 1) {
                        Ok(part) => parts.push(part),
                        Err(error) => {
                            // The others are told who it was; those that are gone as well need not hear it.
                            if let ClusterError::Lost { rank, reason } = &error {
                                streams.iter_mut().for_each(|stream| drop(send(stream, &leave(*rank, reason))));
                            }
                            return Err(error);
                        }
                    }
                }
                Ok(Some(parts))
            }
        }
    }

    fn broadcast(&self, bytes: &[u8]) -> Result<Vec<u8>, ClusterError> {
        match &mut *self.links.borrow_mut() {
            Links::Spoke(hub) => data(hub, 0),
            Links::Hub(streams) => {
                for (at, stream) in streams.iter_mut().enumerate() {
                    send(stream, &Frame::Data(bytes.to_vec())).map_err(|error| lost(at + 1, &error))?;
                }
                Ok(bytes.to_vec())
            }
        }
    }

    fn abort(&self, reason: &str) {
        let frame = leave(self.rank, reason);
        // Best effort: a closed connection says the same.
        match &mut *self.links.borrow_mut() {
            Links::Spoke(hub) => drop(send(hub, &frame)),
            Links::Hub(streams) => streams.iter_mut().for_each(|stream| drop(send(stream, &frame))),
        }
    }
}
