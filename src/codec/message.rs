// SPDX-License-Identifier: MIT OR Apache-2.0
//! Netlink messages: headers around requests, and what comes back (data, the end of a dump, success or an error).
//!
//! Layouts: `include/uapi/linux/netlink.h` and `include/uapi/linux/genetlink.h` of the kernel.

use netlink_packet_core::{
    ErrorBuffer, NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_DUMP, NLM_F_DUMP_INTR,
    NLM_F_REQUEST, NetlinkBuffer,
};

use super::DecodeError;
use super::attribute::{Attribute, AttributeWriter};

/// `nlmsghdr.nlmsg_type` of the family that knows the others (`GENL_ID_CTRL`).
pub const GENL_ID_CTRL: u16 = 16;

const HEADER: usize = 16;
const GENL_HEADER: usize = 4;
const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSG_OVERRUN: u16 = 4;
const NLMSGERR_ATTR_MSG: u16 = 1;

/// The header of a request: its receiver, and the answer that it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    /// The family's number, or the rtnetlink message's.
    pub message_type: u16,
    /// Comes back with every answer.
    pub sequence: u32,
    /// The wanted answer.
    pub answer: Answer,
}

/// Which answer a request wants. Errors always come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Only the request's own reply.
    Plain,
    /// A confirmation, even without data.
    Acknowledge,
    /// All objects, ended by `NLMSG_DONE`.
    Dump,
}

impl Answer {
    /// `nlmsghdr.nlmsg_flags`.
    #[must_use]
    pub const fn flags(self) -> u16 {
        NLM_F_REQUEST
            | match self {
                Self::Plain => 0,
                Self::Acknowledge => NLM_F_ACK,
                Self::Dump => NLM_F_DUMP,
            }
    }
}

/// Appends one generic netlink message: header, command, attributes.
pub fn emit_genl(
    out: &mut Vec<u8>,
    envelope: Envelope,
    command: u8,
    attributes: impl FnOnce(&mut AttributeWriter<'_>),
) {
    emit(out, envelope, 0, |out| {
        out.extend_from_slice(&[command, 1, 0, 0]);
        attributes(&mut AttributeWriter::new(out));
    });
}

/// Appends one netlink message: the header, then the output of `payload`. `extra_flags` are added to those of the
/// answer.
pub fn emit(
    out: &mut Vec<u8>,
    envelope: Envelope,
    extra_flags: u16,
    payload: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    out.resize(start + HEADER, 0);
    payload(out);
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    if let Some(message) = out.get_mut(start..) {
        let mut header = NetlinkBuffer::new(message);
        header.set_length(length);
        header.set_message_type(envelope.message_type);
        header.set_flags(envelope.answer.flags() | extra_flags);
        header.set_sequence_number(envelope.sequence);
        header.set_port_number(0);
    }
}

/// Appends a message that only asks for a confirmation. The kernel confirms it after all messages before it.
pub fn emit_fence(out: &mut Vec<u8>, sequence: u32) {
    let envelope = Envelope {
        message_type: NLMSG_NOOP,
        sequence,
        answer: Answer::Acknowledge,
    };
    emit(out, envelope, 0, |_| {});
}

/// Appends the question for a generic netlink family's number (`CTRL_CMD_GETFAMILY`). Asking loads the module.
pub fn emit_get_family(out: &mut Vec<u8>, sequence: u32, name: &str) {
    const CTRL_CMD_GETFAMILY: u8 = 3;
    let envelope = Envelope {
        message_type: GENL_ID_CTRL,
        sequence,
        answer: Answer::Plain,
    };
    emit_genl(out, envelope, CTRL_CMD_GETFAMILY, |attributes| {
        attributes.string(CTRL_ATTR_FAMILY_NAME, name);
    });
}

const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;

/// The family's number out of the answer to [`emit_get_family`].
pub fn parse_family(attributes: &[u8]) -> Result<u16, DecodeError> {
    for attribute in Attribute::all(attributes) {
        let attribute = attribute?;
        if attribute.kind == CTRL_ATTR_FAMILY_ID {
            return attribute.u16("CTRL_ATTR_FAMILY_ID");
        }
    }
    Err(DecodeError::Missing("CTRL_ATTR_FAMILY_ID"))
}

/// One message from the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming<'a> {
    /// The request it answers.
    pub sequence: u32,
    /// Its content.
    pub kind: IncomingKind<'a>,
}

/// The content of a message from the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IncomingKind<'a> {
    /// An object. `interrupted`: it changed while it was dumped.
    Data {
        /// Family or rtnetlink message type.
        message_type: u16,
        /// Everything after the netlink header.
        payload: &'a [u8],
        /// `NLM_F_DUMP_INTR`.
        interrupted: bool,
    },
    /// The end of a dump.
    Done,
    /// The request was carried out.
    Acknowledged,
    /// The request was refused.
    Refused(Refusal),
    /// Nothing to act on.
    Noop,
    /// Messages were lost.
    Overrun,
}

impl<'a> IncomingKind<'a> {
    /// The attributes of a generic netlink object, after its header of four bytes.
    #[must_use]
    pub fn genl_attributes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Data { payload, .. } => payload.get(GENL_HEADER..),
            Self::Done | Self::Acknowledged | Self::Refused(_) | Self::Noop | Self::Overrun => None,
        }
    }
}

/// Why the kernel refused a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The error number, positive.
    pub errno: i32,
    /// The kernel's own words (extended ACK), where it has any. IPVS itself never has.
    pub text: Option<String>,
}

/// The messages of one datagram. A malformed one ends the walk with an error.
pub fn parse_all(datagram: &[u8]) -> impl Iterator<Item = Result<Incoming<'_>, DecodeError>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let message = match NetlinkBuffer::new_checked(rest) {
            Ok(message) => message,
            Err(error) => {
                rest = &[];
                return Some(Err(error.into()));
            }
        };
        let length = usize::try_from(message.length()).unwrap_or(usize::MAX);
        let whole = rest.get(..length).unwrap_or_default();
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(parse_one(whole))
    })
}

fn parse_one(message: &[u8]) -> Result<Incoming<'_>, DecodeError> {
    let header = NetlinkBuffer::new_checked(message)?;
    let payload = message.get(HEADER..).unwrap_or_default();
    let flags = header.flags();
    let kind = match header.message_type() {
        NLMSG_NOOP => IncomingKind::Noop,
        NLMSG_OVERRUN => IncomingKind::Overrun,
        NLMSG_DONE => parse_done(payload),
        NLMSG_ERROR => parse_error(payload, flags)?,
        message_type => IncomingKind::Data {
            message_type,
            payload,
            interrupted: flags & NLM_F_DUMP_INTR != 0,
        },
    };
    Ok(Incoming {
        sequence: header.sequence_number(),
        kind,
    })
}

/// The four bytes after `NLMSG_DONE` say whether a dump failed half-way.
fn parse_done(payload: &[u8]) -> IncomingKind<'_> {
    match payload.first_chunk().map(|code| i32::from_ne_bytes(*code)) {
        Some(code) if code < 0 => IncomingKind::Refused(Refusal {
            errno: code.saturating_neg(),
            text: None,
        }),
        _ => IncomingKind::Done,
    }
}

fn parse_error(payload: &[u8], flags: u16) -> Result<IncomingKind<'_>, DecodeError> {
    let error = ErrorBuffer::new_checked(payload)?;
    Ok(match error.code() {
        None => IncomingKind::Acknowledged,
        Some(code) => IncomingKind::Refused(Refusal {
            errno: code.get().saturating_neg(),
            text: extended_text(payload, flags),
        }),
    })
}

/// The text of an extended ACK. It follows the error code and the request's header, or the whole request if the kernel
/// did not cut it (`NLM_F_CAPPED`).
fn extended_text(payload: &[u8], flags: u16) -> Option<String> {
    if flags & NLM_F_ACK_TLVS == 0 {
        return None;
    }
    let echoed = if flags & NLM_F_CAPPED == 0 {
        let length = payload
            .get(4..8)?
            .first_chunk()
            .map(|field| u32::from_ne_bytes(*field))?;
        usize::try_from(length).ok()?.checked_next_multiple_of(4)?
    } else {
        HEADER
    };
    let attributes = payload.get(echoed.checked_add(4)?..)?;
    Attribute::all(attributes)
        .map_while(Result::ok)
        .find(|attribute| attribute.kind == NLMSGERR_ATTR_MSG)
        .map(Attribute::string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_message(code: i32, flags: u16, rest: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let envelope = Envelope {
            message_type: NLMSG_ERROR,
            sequence: 7,
            answer: Answer::Plain,
        };
        emit(&mut out, envelope, flags, |out| {
            out.extend_from_slice(&code.to_ne_bytes());
            out.extend_from_slice(rest);
        });
        out
    }

    #[test]
    fn error_zero_is_success() {
        let bytes = error_message(0, 0, &[0; 16]);
        let all: Vec<_> = parse_all(&bytes).collect();
        assert_eq!(
            all,
            [Ok(Incoming {
                sequence: 7,
                kind: IncomingKind::Acknowledged
            })]
        );
    }

    #[test]
    fn a_refusal_carries_the_kernels_words_behind_a_cut_request() {
        let mut rest = vec![0; 16];
        AttributeWriter::new(&mut rest).string(NLMSGERR_ATTR_MSG, "Attribute failed policy");
        let bytes = error_message(-34, NLM_F_ACK_TLVS | NLM_F_CAPPED, &rest);
        let refusal = Refusal {
            errno: 34,
            text: Some("Attribute failed policy".to_owned()),
        };
        let expected = Incoming {
            sequence: 7,
            kind: IncomingKind::Refused(refusal),
        };
        assert_eq!(parse_all(&bytes).next(), Some(Ok(expected)));
    }

    #[test]
    fn an_echoed_length_beyond_the_message_hides_the_words_and_nothing_else() {
        let mut rest = vec![0xff; 16];
        AttributeWriter::new(&mut rest).string(NLMSGERR_ATTR_MSG, "lost");
        let bytes = error_message(-1, NLM_F_ACK_TLVS, &rest);
        let expected = Incoming {
            sequence: 7,
            kind: IncomingKind::Refused(Refusal {
                errno: 1,
                text: None,
            }),
        };
        assert_eq!(parse_all(&bytes).next(), Some(Ok(expected)));
    }

    #[test]
    fn a_dump_that_failed_says_so_at_its_end() {
        let mut bytes = Vec::new();
        let envelope = Envelope {
            message_type: NLMSG_DONE,
            sequence: 1,
            answer: Answer::Plain,
        };
        emit(&mut bytes, envelope, 0, |out| {
            out.extend_from_slice(&(-105_i32).to_ne_bytes());
        });
        let refusal = IncomingKind::Refused(Refusal {
            errno: 105,
            text: None,
        });
        assert_eq!(
            parse_all(&bytes).next(),
            Some(Ok(Incoming {
                sequence: 1,
                kind: refusal
            }))
        );
    }

    #[test]
    fn several_messages_in_one_datagram_are_all_read() {
        let mut bytes = error_message(0, 0, &[0; 16]);
        bytes.extend(error_message(-17, 0, &[0; 16]));
        assert_eq!(parse_all(&bytes).flatten().count(), 2);
    }

    #[test]
    fn a_length_below_the_header_ends_the_walk() {
        let bytes = [4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3];
        let all: Vec<_> = parse_all(&bytes).collect();
        assert_eq!(all.len(), 1);
        assert!(all[0].is_err());
    }
}
