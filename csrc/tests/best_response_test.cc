// Exact values and best responses.
#include "csrc/best_response.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "csrc/rng.h"
#include "csrc/tests/games.h"
#include "csrc/tests/harness.h"

namespace tesuji {
namespace {

void NoReport(int64_t, double) {}

InformationTree Enumerated(const std::string& name,
                           int64_t most = InformationTree::kMaxHistories) {
  return InformationTree(Load(name), most, NoReport);
}

std::vector<double> Uniform(const InformationTree& tree) {
  std::vector<double> probabilities;
  for (int32_t i = 0; i < tree.num_information_states(); ++i) {
    const int64_t legal = tree.offsets()[i + 1] - tree.offsets()[i];
    probabilities.insert(probabilities.end(), legal,
                         1.0 / static_cast<double>(legal));
  }
  return probabilities;
}

double NashConv(const Response& response) {
  return std::accumulate(response.best_response_values.begin(),
                         response.best_response_values.end(), 0.0) -
         std::accumulate(response.values.begin(), response.values.end(), 0.0);
}

// The policy with one player's rows replaced by its best response.
std::vector<double> Mixed(const InformationTree& tree,
                          std::vector<double> probabilities,
                          const Response& response, Player player) {
  for (int32_t i = 0; i < tree.num_information_states(); ++i) {
    if (tree.players()[i] != player) continue;
    const int64_t first = tree.offsets()[i];
    std::fill(probabilities.begin() + first,
              probabilities.begin() + tree.offsets()[i + 1], 0.0);
    probabilities[first + response.choices[i]] = 1.0;
  }
  return probabilities;
}

TEST(ExploitabilityOfTheUniformPolicyIsOpenSpiels) {
  const auto uniform = [](const std::string& name) {
    const InformationTree tree = Enumerated(name);
    return NashConv(tree.Respond(Uniform(tree), NoPoll)) /
           tree.game().NumPlayers();
  };
  ExpectNear(uniform("kuhn_poker"), 11.0 / 24.0, 1e-12);
  ExpectNear(uniform("leduc_poker"), 2.373611111111111, 1e-12);
  ExpectNear(uniform("liars_dice(dice_sides=4)"), 0.655059523809524, 1e-12);
}

TEST(ABestResponseIsWorthWhatItClaims) {
  // The last one is large enough for two threads.
  for (const std::string name :
       {"kuhn_poker(players=3)", "goofspiel(num_cards=3)", "leduc_poker",
        "dark_hex(num_rows=2,num_cols=2)", "liars_dice"}) {
    const InformationTree tree = Enumerated(name);
    std::vector<double> probabilities = Uniform(tree);
    Rng rng(7);
    for (int32_t i = 0; i < tree.num_information_states(); ++i) {
      double total = 0.0;
      for (int64_t k = tree.offsets()[i]; k < tree.offsets()[i + 1]; ++k) {
        total += probabilities[k] = rng.Uniform() < 0.3 ? 0.0 : rng.Uniform();
      }
      if (total == 0.0) total = probabilities[tree.offsets()[i]] = 1.0;
      for (int64_t k = tree.offsets()[i]; k < tree.offsets()[i + 1]; ++k) {
        probabilities[k] /= total;
      }
    }
    const Response response = tree.Respond(probabilities, NoPoll);
    for (Player player = 0; player < tree.game().NumPlayers(); ++player) {
      const Response mixed =
          tree.Respond(Mixed(tree, probabilities, response, player), NoPoll);
      ExpectNear(mixed.values[player], response.best_response_values[player],
                 1e-12);
      ExpectNear(mixed.best_response_values[player],
                 response.best_response_values[player], 1e-12);
      Expect(response.best_response_values[player] >=
             response.values[player] - 1e-12);
    }
  }
}

TEST(InformationStatesAreFoundAgain) {
  const GamePtr game = Load("leduc_poker");
  const InformationTree tree(game, 10000, NoReport);
  ExpectEqual(tree.num_information_states(), 936);
  for (int32_t i = 0; i < tree.num_information_states(); ++i) {
    const StatePtr state = tree.Representative(i);
    ExpectEqual(tree.Find(*state), i);
    ExpectEqual(state->CurrentPlayer(), tree.players()[i]);
    const std::vector<Action> legal = state->LegalActions();
    const std::span<const int32_t> kept = tree.actions().subspan(
        tree.offsets()[i], tree.offsets()[i + 1] - tree.offsets()[i]);
    Expect(std::equal(legal.begin(), legal.end(), kept.begin(), kept.end()));
  }
  const StatePtr other = RandomState(*Load("kuhn_poker"), 0, 1);
  ExpectThrow<Error>("the tree is of 'leduc_poker()'",
                     [&] { tree.Find(*other); });
}

TEST(RepresentativesAreEncoded) {
  const InformationTree tree = Enumerated("kuhn_poker");
  const EncoderPtr encoder = MakeEncoder("auto", tree.game());
  const size_t size = encoder->size();
  std::vector<float> inputs(4 * size);
  std::vector<uint8_t> mask(4 * 2, 0);
  tree.Encode(3, 4, *encoder, inputs, mask);
  for (int32_t i = 0; i < 4; ++i) {
    const std::vector<float> expected =
        tree.Representative(3 + i)->InformationStateTensor(
            tree.players()[3 + i]);
    Expect(std::equal(expected.begin(), expected.end(),
                      inputs.begin() + i * size));
  }
  ExpectEqual(mask, std::vector<uint8_t>(8, 1));
}

TEST(GamesThatCannotBeEnumeratedAreRefused) {
  const auto refuses = [](const char* text, const std::string& name,
                          int64_t most) {
    ExpectThrow<Error>(text, [&] { Enumerated(name, most); });
  };
  refuses("more than max_histories = 57 histories", "kuhn_poker", 57);
  ExpectEqual(Enumerated("kuhn_poker", 58).num_histories(), 58);
  refuses("max_histories is 0; give a number from 1", "kuhn_poker", 0);
  refuses("no information-state strings", "hanabi", 100);
  refuses("samples its chance", "negotiation", 100);
  refuses("mean-field", "mfg_crowd_modelling", 100);
  refuses("forgets what player", "dark_hex_ir(num_rows=2,num_cols=2)", 1000000);
}

TEST(AReportThatThrowsEndsTheEnumeration) {
  struct Interrupt {};
  bool interrupted = false;
  try {
    InformationTree(Load("leduc_poker"), 1'000'000,
                    [](int64_t histories, double share) {
                      Expect(share >= 0.0 && share <= 1.0);
                      if (histories > 4000) throw Interrupt();
                    });
  } catch (const Interrupt&) {
    interrupted = true;
  }
  Expect(interrupted);
}

TEST(PoliciesThatAreNoneAreRefused) {
  const InformationTree tree = Enumerated("kuhn_poker");
  const auto refuses = [&](const char* text, size_t place, double value) {
    std::vector<double> probabilities = Uniform(tree);
    probabilities[place] = value;
    ExpectThrow<Error>(text, [&] { tree.Respond(probabilities, NoPoll); });
  };
  refuses("information state 2, '0pb' of player 0", 5, 0.6);
  refuses("the probability nan of action 1", 5, std::nan(""));
  refuses("the probability -0.5", 5, -0.5);
  refuses("sum to 1.00000", 5, 0.500002);
  std::vector<double> nearly = Uniform(tree);
  nearly[5] += 9e-7;
  tree.Respond(nearly, NoPoll);
  nearly.pop_back();
  ExpectThrow<Error>("23 entries; give 24",
                     [&] { tree.Respond(nearly, NoPoll); });
}

}  // namespace
}  // namespace tesuji
