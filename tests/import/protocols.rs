// SPDX-License-Identifier: MIT OR Apache-2.0
//! Servers of some protocols, as their documentation has them: bytes of a client in, bytes of the server out. `None` when
//! the client's bytes are no message of the protocol.

/// Takes what is read from the front of a message.
struct Message<'a>(&'a [u8]);

impl<'a> Message<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self, wanted: u8) -> Option<()> {
        (*self.take(1)?.first()? == wanted).then_some(())
    }

    /// A text that ends with a zero.
    fn text(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let text = self.take(end)?;
        self.byte(0)?;
        Some(text)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// `MySQL` and `MariaDB`, with the user "haproxy" without a password (the client/server protocol of `MySQL`'s documentation:
/// packets, `HandshakeV10`, `HandshakeResponse41` and 320, `OK_Packet`, `ERR_Packet`, `COM_QUIT`). It greets before it reads.
pub(crate) fn mysql(said: &[u8]) -> Option<Vec<u8>> {
    let mut greeting =
        b"\x0a8.0.36\0\x0b\x00\x00\x00abcdefgh\0\xff\xf7\x21\x02\x00\xff\x81\x15".to_vec();
    greeting.extend([0; 10]);
    greeting.extend(b"ijklmnopqrst\0mysql_native_password\0");
    let mut answer = packet(0, &greeting);
    let mut message = Message(said);
    let user = mysql_login(&mut message)?;
    answer.extend(if user == b"haproxy" {
        packet(2, b"\x00\x00\x00\x02\x00\x00\x00")
    } else {
        packet(2, b"\xff\x15\x04#28000Access denied for user")
    });
    // COM_QUIT begins a sequence anew.
    let quit = message.take(5)?;
    message.end()?;
    (quit == b"\x01\x00\x00\x00\x01").then_some(answer)
}

/// `MySQL` to a client that says nothing: it greets, or has blocked the host.
pub(crate) fn mysql_greeting(is_blocked: bool) -> Vec<u8> {
    if is_blocked {
        return packet(0, b"\xff\x69\x04Host '10.0.0.1' is blocked");
    }
    let mut greeting =
        b"\x0a10.11.6-MariaDB\0\x0b\x00\x00\x00abcdefgh\0\xfe\xf7\x2d\x02\x00\xff\x81\x15".to_vec();
    greeting.extend(b"\0\0\0\0\0\0\x1d\0\0\0ijklmnopqrst\0mysql_native_password\0");
    packet(0, &greeting)
}

fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let mut packet = length[..3].to_vec();
    packet.push(sequence);
    packet.extend(payload);
    packet
}

/// The user of a login, whose password is empty.
fn mysql_login<'a>(message: &mut Message<'a>) -> Option<&'a [u8]> {
    const PROTOCOL_41: u32 = 0x200;
    const SECURE_CONNECTION: u32 = 0x8000;
    let header = message.take(4)?;
    let length = u32::from_le_bytes([header[0], header[1], header[2], 0]);
    if header[3] != 1 {
        return None;
    }
    let mut login = Message(message.take(usize::try_from(length).ok()?)?);
    let flags = login.take(2)?;
    let low = u32::from(u16::from_le_bytes([flags[0], flags[1]]));
    if low & PROTOCOL_41 == 0 {
        login.take(3)?;
        let user = login.text()?;
        // The scrambled password, which ends with a zero.
        login.byte(0)?;
        login.end()?;
        return Some(user);
    }
    login.take(2 + 4 + 1)?;
    if login.take(23)? != [0; 23] {
        return None;
    }
    let user = login.text()?;
    // With SECURE_CONNECTION a byte says how long the scrambled password is.
    if low & SECURE_CONNECTION == 0 {
        return None;
    }
    login.byte(0)?;
    login.end()?;
    Some(user)
}

/// PostgreSQL, with the user "haproxy" (chapter "Message Formats": StartupMessage, AuthenticationMD5Password,
/// ErrorResponse).
pub(crate) fn postgresql(said: &[u8]) -> Option<Vec<u8>> {
    let mut message = Message(said);
    let length = u32::from_be_bytes(message.take(4)?.try_into().ok()?);
    if usize::try_from(length).ok()? != said.len() || message.take(4)? != [0, 3, 0, 0] {
        return None;
    }
    let mut user = None;
    loop {
        match message.text()? {
            b"" => break,
            b"user" => user = Some(message.text()?),
            _ => _ = message.text()?,
        }
    }
    message.end()?;
    Some(if user? == b"haproxy" {
        b"R\x00\x00\x00\x0c\x00\x00\x00\x05salt".to_vec()
    } else {
        b"E\x00\x00\x00\x39SFATAL\0VFATAL\0C28000\0Mno such USER\0RInitPostgreSQLUSER\0\0".to_vec()
    })
}

/// LDAP (RFC 4511, sections 4.2 and 5.1): the answer to an anonymous bind. Active Directory writes long lengths.
pub(crate) fn ldap(said: &[u8], result: u8, is_long: bool) -> Option<Vec<u8>> {
    let mut message = Message(said);
    message.byte(0x30)?;
    message.byte(u8::try_from(said.len() - 2).ok()?)?;
    // The message's number.
    message.byte(0x02)?;
    message.byte(1)?;
    let number = message.take(1)?[0];
    // A bind of version 3, no name, an empty password.
    message.byte(0x60)?;
    message.byte(7)?;
    if message.take(7)? != b"\x02\x01\x03\x04\x00\x80\x00" {
        return None;
    }
    message.end()?;
    let mut answer = if is_long {
        b"\x30\x84\x00\x00\x00\x10\x02\x01\x00\x61\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04\x00"
            .to_vec()
    } else {
        b"\x30\x0c\x02\x01\x00\x61\x07\x0a\x01\x00\x04\x00\x04\x00".to_vec()
    };
    let at = answer.iter().position(|byte| *byte == 0x61).unwrap();
    answer[at - 1] = number;
    let at = answer.iter().rposition(|byte| *byte == 0x0a).unwrap();
    answer[at + 2] = result;
    Some(answer)
}

/// Redis (RESP): an array of one bulk string.
pub(crate) fn redis(said: &[u8], wants_password: bool) -> Option<Vec<u8>> {
    let rest = said.strip_prefix(b"*1\r\n$4\r\n")?;
    (rest == b"PING\r\n").then(|| {
        if wants_password {
            b"-NOAUTH Authentication required.\r\n".to_vec()
        } else {
            b"+PONG\r\n".to_vec()
        }
    })
}
