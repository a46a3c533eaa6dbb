//! PTP over IP (CIPA DC-005): the wire between a simulated body and whoever photographs with it.

mod dataset;
mod packet;
mod responder;
mod server;

pub use server::Server;
