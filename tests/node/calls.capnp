# What the tests of calls say to each other.
@0xd5a1c9e03b7f2468;

struct Question {
    text @0 :Text;
    times @1 :UInt32;
}

struct Answer {
    texts @0 :List(Text);
    attached @1 :UInt64;
}
