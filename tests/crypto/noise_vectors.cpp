// noise_vectors FILE: checks the Noise implementation against published vectors in the community's JSON format.
// Exit code: 0 when none failed, 1 when some did, 2 when the file cannot be read or is not in that format.

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <mydht/core/file.hpp>
#include <mydht/crypto/noise.hpp>
#include <mydht/crypto/random.hpp>

namespace {

using namespace mydht;
using nlohmann::json;

constexpr std::size_t file_bytes_max = 256 * 1024 * 1024;

/// What is wrong with the file; it ends the program.
struct bad_file {
    std::string what;
};

/// Why a vector failed.
struct mismatch {
    std::string what;
};

bytes from_hex_field(const json& value, const std::string& name) {
    if (!value.is_string()) throw bad_file{name + " is not a string"};
    const auto& text = value.get_ref<const std::string&>();
    bytes out(text.size() / 2);
    if (!from_hex(text, out)) throw bad_file{name + " is not hexadecimal"};
    return out;
}

std::optional<bytes> optional_hex(const json& object, const std::string& name) {
    const auto found = object.find(name);
    if (found == object.end() || found->is_null()) return std::nullopt;
    return from_hex_field(*found, name);
}

secret<32> to_secret(const bytes& data, const std::string& name) {
    if (data.size() != 32) throw bad_file{name + " is not 32 bytes"};
    return secret<32>(data);
}

/// What the file says about one side.
struct side_fields {
    side_fields(const json& vector, const std::string& prefix, noise::role which) : role(which) {
        prologue = optional_hex(vector, prefix + "prologue").value_or(bytes{});
        static_keys = pair_of(vector, prefix + "static");
        ephemeral = pair_of(vector, prefix + "ephemeral");
        if (const auto given = optional_hex(vector, prefix + "remote_static")) {
            const auto key = noise::public_key::from_bytes(*given);
            if (!key) throw bad_file{prefix + "remote_static is not 32 bytes"};
            remote_static = *key;
        }
        read_psks(vector, prefix);
    }

    static std::optional<noise::key_pair> pair_of(const json& vector, const std::string& name) {
        const auto given = optional_hex(vector, name);
        if (!given) return std::nullopt;
        return noise::x25519().from_secret(to_secret(*given, name));
    }

    /// A list, or the single key of older files.
    void read_psks(const json& vector, const std::string& prefix) {
        if (const auto single = optional_hex(vector, prefix + "psk")) {
            psks.push_back(to_secret(*single, prefix + "psk"));
        }
        const auto list = vector.find(prefix + "psks");
        if (list == vector.end() || list->is_null()) return;
        if (!list->is_array()) throw bad_file{prefix + "psks is not a list"};
        for (const auto& one : *list) {
            psks.push_back(to_secret(from_hex_field(one, prefix + "psks"), prefix + "psks"));
        }
    }

    noise::role role;
    bytes prologue;
    std::optional<noise::key_pair> static_keys;
    std::optional<noise::key_pair> ephemeral;
    std::optional<noise::public_key> remote_static;
    std::vector<secret<32>> psks;
};

struct message_fields {
    bytes payload;
    std::optional<bytes> ciphertext;
};

/// One side of the exchange: the handshake, then its ciphers.
class side {
public:
    side(const noise::protocol& protocol, const side_fields& own, const side_fields& other) {
        noise::handshake_config config(protocol, own.role);
        config.prologue = own.prologue;
        if (own.static_keys) config.static_keys = &*own.static_keys;
        if (protocol.needs_remote_static(own.role)) {
            config.remote_static = own.remote_static;
            if (!config.remote_static && other.static_keys) config.remote_static = other.static_keys->public_part;
        }
        config.psks = own.psks;
        config.random = &random_;
        if (own.ephemeral) config.ephemeral = &*own.ephemeral;
        auto made = noise::handshake::create(config);
        if (!made) throw mismatch{"the vector has not all keys that its protocol needs"};
        handshake_.emplace(std::move(*made));
        name_ = own.role == noise::role::initiator ? "initiator" : "responder";
    }

    bytes write(const bytes& payload) {
        if (!ciphers_) return checked(handshake_->write(payload), "writing");
        bytes out(payload.size() + noise::tag_bytes);
        checked(ciphers_->send.seal({}, payload, out), "sealing");
        return out;
    }

    bytes read(const bytes& message) {
        if (!ciphers_) return checked(handshake_->read(message), "reading");
        if (message.size() < noise::tag_bytes) throw mismatch{name_ + ": the message is shorter than a tag"};
        bytes out(message.size() - noise::tag_bytes);
        checked(ciphers_->receive.open({}, message, out), "opening");
        return out;
    }

    [[nodiscard]] bool in_handshake() const { return !ciphers_.has_value(); }

    /// After every message: when the handshake has just ended, its results are compared and the ciphers taken.
    void finish(const std::optional<bytes>& hash, const side_fields& other) {
        if (ciphers_ || !handshake_->done()) return;
        if (hash && to_bytes(handshake_->handshake_hash()) != *hash) {
            throw mismatch{name_ + ": the handshake hash differs"};
        }
        const auto& learnt = handshake_->remote_static();
        if (learnt && other.static_keys && *learnt != other.static_keys->public_part) {
            throw mismatch{name_ + ": the other side's static key differs"};
        }
        auto ciphers = handshake_->split();
        if (!ciphers) throw mismatch{name_ + ": splitting: " + ciphers.error().message()};
        ciphers_.emplace(std::move(*ciphers));
    }

private:
    template <typename T>
    T checked(result<T> outcome, const char* doing) const {
        if (!outcome) throw mismatch{name_ + ": " + doing + ": " + outcome.error().message()};
        if constexpr (!std::is_void_v<T>) return std::move(*outcome);
    }

    system_random random_;
    std::optional<noise::handshake> handshake_;
    std::optional<noise::cipher_pair> ciphers_;
    std::string name_;
};

std::vector<message_fields> messages_of(const json& vector) {
    const auto list = vector.find("messages");
    if (list == vector.end() || !list->is_array()) throw bad_file{"messages is not a list"};
    std::vector<message_fields> out;
    for (const auto& entry : *list) {
        if (!entry.is_object()) throw bad_file{"a message is not an object"};
        out.push_back({optional_hex(entry, "payload").value_or(bytes{}), optional_hex(entry, "ciphertext")});
    }
    return out;
}

void check(const json& vector, const noise::protocol& protocol) {
    const side_fields initiator_fields(vector, "init_", noise::role::initiator);
    const side_fields responder_fields(vector, "resp_", noise::role::responder);
    const auto messages = messages_of(vector);
    const auto hash = optional_hex(vector, "handshake_hash");

    side initiator(protocol, initiator_fields, responder_fields);
    side responder(protocol, responder_fields, initiator_fields);
    for (std::size_t i = 0; i < messages.size(); ++i) {
        const auto& message = messages[i];
        const bool forth = protocol.one_way() || i % 2 == 0;
        const auto place = "message " + std::to_string(i) + ": ";
        try {
            const auto written = (forth ? initiator : responder).write(message.payload);
            if (message.ciphertext && written != *message.ciphertext) throw mismatch{"the ciphertext differs"};
            const auto read = (forth ? responder : initiator).read(message.ciphertext.value_or(written));
            if (read != message.payload) throw mismatch{"the payload differs"};
            initiator.finish(hash, responder_fields);
            responder.finish(hash, initiator_fields);
        } catch (const mismatch& found) {
            throw mismatch{place + found.what};
        }
    }
    if (initiator.in_handshake() || responder.in_handshake()) {
        throw mismatch{"the messages end before the handshake does"};
    }
}

struct counts {
    std::size_t passed = 0;
    std::size_t failed = 0;
    std::size_t skipped = 0;
};

/// Older files call the protocol's name just "name"; a vector without either is for something else.
std::string name_of(const json& vector) {
    for (const char* field : {"protocol_name", "name"}) {
        const auto found = vector.find(field);
        if (found != vector.end() && found->is_string()) return found->get<std::string>();
    }
    return {};
}

void run(const json& vector, std::size_t number, counts& out) {
    if (!vector.is_object()) throw bad_file{"it is not an object"};
    const auto name = name_of(vector);
    const auto protocol = noise::protocol::parse(name);
    if (!protocol || vector.value("fallback", json(false)) == json(true)) {
        ++out.skipped;
        return;
    }
    try {
        check(vector, *protocol);
        ++out.passed;
    } catch (const mismatch& found) {
        std::printf("vector %zu %s: %s\n", number, name.c_str(), found.what.c_str());
        ++out.failed;
    }
}

counts run_file(const char* path) {
    const auto content = read_file(path, file_bytes_max);
    if (!content) throw bad_file{content.error().message()};
    const auto document = json::parse(content->begin(), content->end(), nullptr, false);
    if (document.is_discarded()) throw bad_file{"it is not JSON"};
    const auto vectors = document.is_object() ? document.find("vectors") : document.end();
    if (vectors == document.end() || !vectors->is_array()) throw bad_file{"it has no list named vectors"};
    counts out;
    std::size_t number = 0;
    for (const auto& vector : *vectors) {
        try {
            run(vector, number, out);
        } catch (const bad_file& found) {
            throw bad_file{"vector " + std::to_string(number) + ": " + found.what};
        }
        ++number;
    }
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: noise_vectors FILE\n");
        return 2;
    }
    try {
        const auto out = run_file(argv[1]);
        std::printf("%zu passed, %zu failed, %zu skipped\n", out.passed, out.failed, out.skipped);
        return out.failed == 0 ? 0 : 1;
    } catch (const bad_file& found) {
        std::fprintf(stderr, "noise_vectors: %s: %s\n", argv[1], found.what.c_str());
        return 2;
    }
}
