@0xad0503e4dce51ae0;
# The messages of mydht, version 1: the reference encoding. The rules that a schema cannot say (limits, signed
# bodies, versions) are in docs/wire-format.md, which also has one golden message of each kind.
#
# How it may change: fields, union members and enumerants are only ever added, at the end. A reader ignores
# fields that it does not know. A body that it does not know is answered by the role, see Envelope.role.
#
# A message is written as one segment behind its segment table. Readers take up to 16 segments; each part of a
# message is referred to once, so a message that takes more reading than it has bytes is refused.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("mydht::wire::schema");

struct Envelope {
  # Every message is one of these.

  id @0 :UInt64;
  # Chosen by the asker, unique among its requests under way on the session. Answers and notices repeat the id
  # of the request that they belong to.

  version @1 :UInt8;
  # The lowest version of this schema that a reader has to know to handle the message rightly; 1 now, never 0. A
  # reader that knows only lower ones treats the body as unknown.

  role @2 :Role;
  # What is owed for the message. For bodies that the reader knows it has to be the role of the body.

  body :union {
    # Requests.
    ping @3 :Void;
    # Are you there? Answer: pong.
    findNode @4 :FindNode;
    # Answer: nodes.
    findValue @5 :FindValue;
    # Answer: values.
    store @6 :Store;
    # Answer: stored.

    # Notices.
    cancel @7 :Void;
    # The request of this id is not awaited any more.

    # Answers. Any request may be answered by an error instead.
    pong @8 :Pong;
    nodes @9 :Nodes;
    values @10 :Values;
    stored @11 :Stored;
    error @12 :Error;

    # Added later.
    forward @13 :Forward;
    # A request. Answer: gathered.
    gathered @14 :Gathered;
    # An answer.
    deliver @15 :Deliver;
    # A request. Answer: delivered.
    delivered @16 :Void;
    # An answer.
  }
}

enum Role {
  request @0;
  # Awaits one answer. A reader that does not know the body answers error notSupported.
  answer @1;
  # Belongs to a request of the reader. One that does not know the body fails that request.
  notice @2;
  # Awaits nothing. A reader that does not know the body drops it.
}

struct FindNode {
  # Asks for the contacts nearest to a point.

  target :group {
    # The 32 bytes of the point; word0 has the first 8, the first of them in the lowest bits. So the bytes lie
    # in the message in their order, without the pointer and the length that Data costs.
    word0 @0 :UInt64;
    word1 @1 :UInt64;
    word2 @2 :UInt64;
    word3 @3 :UInt64;
  }

  kinds @4 :UInt32;
  # The kinds of addresses that the asker can use: bit n stands for kind n. Contacts without any are left out.
}

struct FindValue {
  # Asks for the items of a key, and for the contacts nearest to it.

  target :group {
    # As in FindNode.
    word0 @0 :UInt64;
    word1 @1 :UInt64;
    word2 @2 :UInt64;
    word3 @3 :UInt64;
  }

  kinds @4 :UInt32;
  # As in FindNode.
}

struct Store {
  # Asks to keep an item.

  target :group {
    # The key, which the item has to belong to. As in FindNode.
    word0 @0 :UInt64;
    word1 @1 :UInt64;
    word2 @2 :UInt64;
    word3 @3 :UInt64;
  }

  item @4 :Item;

  expected :union {
    # Compare-and-swap.
    any @5 :Void;
    # Keep the item over whatever is stored, by the order of values.
    sequence @6 :UInt64;
    # Keep it only over an item of exactly this sequence.
  }
}

struct Forward {
  # A query that goes from peer to peer; the answer comes back the same way.

  tag :group {
    # The 16 bytes of the loop tag, as in FindNode.
    word0 @0 :UInt64;
    word1 @1 :UInt64;
  }

  goal :union {
    findNode @2 :FindNode;
    findValue @3 :FindValue;
    store @4 :Store;
    request @20 :Request;
  }

  lifetime @5 :UInt32;
  # Milliseconds within which the answer has to be there.

  hops @6 :UInt8;
  # How many times more the query may be sent on.

  wander @7 :UInt8;
  # So many times at random, then towards the target.

  fanOut @8 :UInt8;
  # Peers that each peer sends it to at most.

  paths @9 :UInt8;
  # Into how many paths it may still split, this one included. Shared out among those it is sent to.

  priority @10 :UInt8;

  results @11 :UInt8;
  # Values that are wanted. With storing 2 the copies that peers on the way may keep.

  storing @12 :UInt8;
  # 0 nothing, 1 at the end of each path, 2 also where it passes, 3 what is found is cached on the way back. Unknown numbers
  # count as 0.

  traceMax @13 :UInt8;
  # So many of the peers visited last are named, at most 64. 0: none.

  trace @14 :Data;
  # Their ids, 32 bytes each, oldest first.

  asker @15 :Data;
  # The body of the asker's ticket, at most 640 bytes: whoever has the answer brings it there. Empty: there is none, and the
  # answer comes back the way that the query went.

  askerSignature @16 :Data;
  # The 64 bytes of the asker's Ed25519 signature over it.

  proxyHops @17 :UInt8;
  # The peer that gets a 1 sends the query on with a ticket of its own. 0: nobody does.

  stream @18 :Bool;
  # What is found is delivered at once to the peer that this query came from.

  hidden @19 :Bool;
  # Whoever sends it does not tell whether it asks or passes it on: everything but the tag and the key has a fixed value.
}

struct Request {
  # Asks a service.

  target :group {
    # The id of the peer that the body is sealed for, or a key. As in FindNode.
    word0 @0 :UInt64;
    word1 @1 :UInt64;
    word2 @2 :UInt64;
    word3 @3 :UInt64;
  }

  service @4 :Data;
  # The name of the service, at most 255 bytes of printable ASCII. Empty: the body is sealed, and the name is in it.

  body @5 :Data;
  # At most 61,952 bytes.
}

struct Gathered {
  outcome @0 :UInt8;
  # 0 nothing, 1 found, 2 duplicate, 3 partial. Unknown numbers count as 0.

  copies @1 :UInt16;
  # Of a store: peers that say they keep the item.

  items @2 :List(Item);
  # At most 16.

  contacts @3 :List(Contact);
  # As in Nodes.

  delivered @4 :UInt8;
  # Deliveries for the tag that were taken before this answer.

  copyLeft @5 :UInt32;
  # Milliseconds that are left to a cached copy among the items; nobody caches them for longer. 0: none of them is one.
}

struct Deliver {
  # Brings what was found to whoever waits for it.

  tag :group {
    # The loop tag of the query, as in Forward.
    word0 @0 :UInt64;
    word1 @1 :UInt64;
  }

  what @2 :Gathered;
}

struct Pong {
  observed @0 :Data;
  # The address that the asker's messages seem to come from, packed as in Contact.addresses; empty when it is
  # not known.
}

struct Nodes {
  contacts @0 :List(Contact);
  # Nearest first, at most 64.
}

struct Values {
  items @0 :List(Item);
  # At most 16.

  contacts @1 :List(Contact);
  # As in Nodes.
}

struct Stored {
  deadline @0 :Int64;
  # Until when the holder means to keep the item: milliseconds since 1970-01-01 UTC.
}

struct Error {
  code @0 :UInt16;
  # docs/wire-format.md has the table. A number, not an enum: readers take codes that they do not know for 0,
  # unknown.

  text @1 :Text;
  # For people. UTF-8, at most 256 bytes.
}

struct Contact {
  # How to reach a peer. Unsigned: a hint, which the handshake proves. Twenty of these with one IPv4 address
  # each fit into a datagram, which is why the key and the addresses are packed. The id is not sent: it is the
  # hash of the key.

  key :group {
    # The Ed25519 public key, laid out like a point in FindNode.
    word0 @0 :UInt64;
    word1 @1 :UInt64;
    word2 @2 :UInt64;
    word3 @3 :UInt64;
  }

  capabilities @4 :UInt32;
  # What the peer does for others, one bit each. Bit 0: answers queries and keeps values. Unknown bits are
  # passed on.

  addresses @5 :Data;
  # At most 8, preferred first, one behind the other: kind (1 byte), length n (1 byte, 1 to 62), n bytes.
  # Unknown kinds are passed on.
}

struct Item {
  # A value as it travels and is stored.

  kind @0 :UInt8;
  # 1 immutable, 2 mutable, 3 tombstone, 4 peer record, 5 reply; never 0. Unknown kinds are handed on; whoever has to
  # judge the item refuses them.

  deadline @1 :Int64;
  # Milliseconds since 1970-01-01 UTC. Only of immutable items: those that are signed carry theirs in the body.

  body @2 :Data;
  # The bytes that are hashed or signed. Nobody encodes them anew. At most 66,048.

  signature @3 :Data;
  # The 64 bytes of an Ed25519 signature over the body, or empty for one that is all zero (immutable items have
  # none).
}
