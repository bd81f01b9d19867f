/// The card game, as in Gymnasium's `Blackjack-v1`.
namespace Rl.Core.Environments.ToyText

open Rl.Core.Foundations
open Rl.Core.Mdp
open Rl.Core.Environments

/// Both hands. The player sees the first of the dealer's cards.
[<Struct>]
type BlackjackState =
    {
        Player: BlackjackHand
        Dealer: BlackjackHand
        /// The dealer's first card, 1 to 10.
        Showing: int
        /// 1 when the game is over, otherwise 0.
        Over: int
    }

/// The game for a deck of any kind: cards are drawn by a function of the deck, and what is left of the deck is handed back.
[<RequireQualifiedAccess>]
module BlackjackGame =

    let inline private drawTo
        (draw: 'Deck -> struct (int * 'Deck))
        (struct (hand: BlackjackHand, deck: 'Deck))
        : struct (BlackjackHand * 'Deck) =
        let struct (card, deck) = draw deck
        struct (BlackjackHand.add card hand, deck)

    /// Two cards for the dealer, then two for the player.
    let deal (draw: 'Deck -> struct (int * 'Deck)) (deck: 'Deck) : struct (BlackjackState * 'Deck) =
        let struct (showing, deck) = draw deck
        let struct (dealer, deck) = drawTo draw (BlackjackHand.add showing BlackjackHand.empty, deck)
        let struct (player, deck) = drawTo draw (BlackjackHand.empty, deck)
        let struct (player, deck) = drawTo draw (player, deck)
        struct ({ Player = player; Dealer = dealer; Showing = showing; Over = 0 }, deck)

    /// One more card for the player, or the dealer's turn if the player does not `hit`.
    let step
        (rules: BlackjackRules)
        (draw: 'Deck -> struct (int * 'Deck))
        (state: BlackjackState)
        (hit: bool)
        (deck: 'Deck)
        : struct (BlackjackState * Outcome * 'Deck) =
        if hit then
            let struct (player, deck) = drawTo draw (state.Player, deck)
            let bust = player.IsBust

            struct ({ state with Player = player; Over = (if bust then 1 else 0) },
                    { Reward = (if bust then -1.0 else 0.0); Terminated = bust; Truncated = false },
                    deck)
        else
            let mutable dealer = state.Dealer
            let mutable deck = deck

            while BlackjackHand.dealerDraws dealer do
                let struct (hand, rest) = drawTo draw (dealer, deck)
                dealer <- hand
                deck <- rest

            struct ({ state with Dealer = dealer; Over = 1 },
                    { Reward = BlackjackHand.pay rules state.Player dealer; Terminated = true; Truncated = false },
                    deck)

    /// Draws a card from a deck that never ends: 13 ranks, alike in probability, of which four count 10.
    let drawCard (rng: Rng) : struct (int * Rng) =
        let struct (rank, rng) = Rng.below 13 rng
        struct (min 10 (rank + 1), rng)

/// One player against a dealer who draws below 17, cards drawn with replacement. Actions: 0 stick, 1 hit. Observations are (the player's
/// sum, the dealer's first card with an ace as 1, whether the player has a usable ace). Reward 1, 0 or −1 at the end, as the rules say.
/// Source: Sutton and Barto (2018), example 5.1.
[<Sealed>]
type Blackjack(rules: BlackjackRules) =
    static let observationSpace = Space.box [| 0.0; 0.0; 0.0 |] [| 31.0; 10.0; 1.0 |] [| 3 |]
    static let actionSpace = Space.discrete 2

    /// `Blackjack-v1`: the rules of Sutton and Barto.
    static member V1: BlackjackRules = { Natural = false; SuttonBarto = true }

    interface IEnvironment<BlackjackState> with
        member _.Id = "Blackjack-v1"
        member _.ObservationSpace = observationSpace
        member _.ActionSpace = actionSpace
        member _.MaxEpisodeSteps = 0
        member _.RewardThreshold = nan
        member _.Reset(rng) = BlackjackGame.deal BlackjackGame.drawCard rng

        member _.Step(state, action, rng) =
            if state.Over <> 0 then
                invalidOp "Blackjack-v1: the game is over; reset the episode instead of stepping it."

            if not (actionSpace.Contains action) then
                Guard.fail (nameof action) $"Blackjack-v1: the action is {action[0]}; it must be 0 (stick) or 1 (hit)."

            BlackjackGame.step rules BlackjackGame.drawCard state (action[0] = 1.0f) rng

        member _.Observe(state, observation) =
            observation[0] <- float32 state.Player.Sum
            observation[1] <- float32 state.Showing
            observation[2] <- if state.Player.HasUsableAce then 1.0f else 0.0f
