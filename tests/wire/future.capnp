@0xcf9b06eb481ab2cb;
# schema/mydht.capnp as a later version might have it: the same fields at the same places, and more. For tests only.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("mydht::test::future");

struct Envelope {
  id @0 :UInt64;
  version @1 :UInt8;
  role @2 :Role;
  body :union {
    ping @3 :Void;
    findNode @4 :FindNode;
    findValue @5 :FindNode;
    store @6 :Store;
    cancel @7 :Void;
    pong @8 :Pong;
    nodes @9 :Nodes;
    values @10 :Values;
    stored @11 :Stored;
    error @12 :Error;
    forward @13 :FindNode;
    gathered @14 :FindNode;
    deliver @15 :FindNode;
    delivered @16 :Void;
    dance @17 :Dance;
  }
  cookie @18 :Data;
  urgency @19 :UInt64;
}

enum Role {
  request @0;
  answer @1;
  notice @2;
  rumour @3;
}

struct Dance {
  steps @0 :List(Text);
}

struct FindNode {
  target :group {
    word0 @0 :UInt64;
    word1 @1 :UInt64;
    word2 @2 :UInt64;
    word3 @3 :UInt64;
  }
  kinds @4 :UInt32;
  wanted @5 :UInt32;
  proof @6 :Data;
}

struct Store {
  target :group {
    word0 @0 :UInt64;
    word1 @1 :UInt64;
    word2 @2 :UInt64;
    word3 @3 :UInt64;
  }
  item @4 :Item;
  expected :union {
    any @5 :Void;
    sequence @6 :UInt64;
    hash @7 :Data;
  }
  lease @8 :UInt64;
}

struct Pong {
  observed @0 :Data;
  load @1 :UInt32;
}

struct Nodes {
  contacts @0 :List(Contact);
  estimate @1 :UInt64;
}

struct Values {
  items @0 :List(Item);
  contacts @1 :List(Contact);
  next @2 :Data;
}

struct Stored {
  deadline @0 :Int64;
  copies @1 :UInt32;
}

struct Error {
  code @0 :UInt16;
  text @1 :Text;
  retryAfter @2 :UInt64;
}

struct Contact {
  key :group {
    word0 @0 :UInt64;
    word1 @1 :UInt64;
    word2 @2 :UInt64;
    word3 @3 :UInt64;
  }
  capabilities @4 :UInt32;
  addresses @5 :Data;
  roundTrip @6 :UInt32;
  name @7 :Text;
}

struct Item {
  kind @0 :UInt8;
  deadline @1 :Int64;
  body @2 :Data;
  signature @3 :Data;
  priority @4 :UInt8;
  witness @5 :List(Data);
}
