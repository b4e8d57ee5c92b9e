#pragma once

// The Noise Protocol Framework (Perrin, revision 34) without I/O:
//   dh         key pairs and key agreement; what a session's static key is
//   protocol   a handshake pattern and a hash, by name
//   handshake  the exchange of messages that ends in two ciphers
//   cipher     authenticated encryption of what follows
#include <mydht/crypto/noise/cipher.hpp>
#include <mydht/crypto/noise/dh.hpp>
#include <mydht/crypto/noise/handshake.hpp>
#include <mydht/crypto/noise/protocol.hpp>
