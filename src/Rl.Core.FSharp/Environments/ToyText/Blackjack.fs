/// The card game, as in Gymnasium's `Blackjack-v1`.
namespace Rl.Core.Environments.ToyText

open Rl.Core.Foundations
open Rl.Core.Tabular
open Rl.Core.Environments
open Rl.Core.Environments.Rendering

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

/// The game for a deck of any kind: cards are drawn by a function of the deck, and what is left of the deck is handed
/// back.
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

/// The table as a picture.
[<RequireQualifiedAccess>]
module internal BlackjackScene =

    let private felt = Colour.rgb 22 101 62
    let private ink = Colour.rgb 30 32 38
    let private muted = Colour.rgb 196 224 208

    let private card left bottom (label: string) =
        [
            Figure.rectangle (left - 2.0) (bottom - 2.0) (left + 86.0) (bottom + 122.0) (Colour.rgb 12 60 36)
            Figure.rectangle left bottom (left + 84.0) (bottom + 120.0) Colour.white
            Figure.Text(Figure.point (left + 42.0) (bottom + 42.0), 40.0, TextAnchor.Centre, ink, label)
        ]

    /// A card that lies on its face.
    let private back left bottom =
        let inner = Colour.rgb 45 108 181

        [
            Figure.rectangle (left - 2.0) (bottom - 2.0) (left + 86.0) (bottom + 122.0) (Colour.rgb 12 60 36)
            Figure.rectangle left bottom (left + 84.0) (bottom + 120.0) Colour.white
            Figure.rectangle (left + 6.0) (bottom + 6.0) (left + 78.0) (bottom + 114.0) inner
        ]

    let private label x y height text = Figure.Text(Figure.point x y, height, TextAnchor.Centre, muted, text)

    /// What the state knows: the dealer's first card, at the end the second too if there are but two, and his sum; the
    /// player's sum, the number of his cards, and whether an ace counts 11. A sum is drawn as a number on the table, a
    /// card as a card.
    let draw (state: BlackjackState) : Scene =
        let name rank = if rank = 1 then "A" else string rank
        let isOver = state.Over <> 0
        let sum (hand: BlackjackHand) = if hand.IsBust then $"{hand.Sum}, bust" else string hand.Sum

        let ace = if state.Player.HasUsableAce then ", an ace counts 11" else ""

        let dealer =
            [
                yield! card 110.0 225.0 (name state.Showing)
                if not isOver then
                    yield! back 206.0 225.0
                elif state.Dealer.Cards = 2 then
                    yield! card 206.0 225.0 (name (state.Dealer.Hard - state.Showing))
                else
                    label 276.0 278.0 18.0 $"and {state.Dealer.Cards - 1} more"
            ]

        {
            Width = 400
            Height = 400
            Background = felt
            Figures =
                [
                    label 200.0 362.0 18.0 (if isOver then $"dealer's sum: {sum state.Dealer}" else "dealer shows")
                    yield! dealer
                    Figure.segment (Figure.point 60.0 196.0) (Figure.point 340.0 196.0) 1.5 muted
                    label 200.0 158.0 18.0 "player's sum"
                    Figure.Text(Figure.point 200.0 82.0, 56.0, TextAnchor.Centre, Colour.white, sum state.Player)
                    label 200.0 34.0 15.0 $"{state.Player.Cards} cards{ace}"
                ]
        }

/// One player against a dealer who draws below 17, cards drawn with replacement. Actions: 0 stick, 1 hit. Observations
/// are (the player's sum, the dealer's first card with an ace as 1, whether the player has a usable ace). Reward 1, 0
/// or −1 at the end, as the rules say. Source: Sutton and Barto (2018), example 5.1.
[<Sealed>]
type Blackjack(rules: BlackjackRules) =
    static let observationSpace = Space.tuple [ Space.discrete 32; Space.discrete 11; Space.discrete 2 ]
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

    interface IRenderable<BlackjackState> with
        member _.Render(state) = BlackjackScene.draw state
