/// Blackjack's hands, what they are worth and what they pay.
namespace Rl.Core.Tabular

/// Which of Gymnasium's rules pay for a natural, an ace and a ten dealt at once.
type BlackjackRules =
    {
        /// A natural that wins pays 1.5; without effect under `SuttonBarto`.
        Natural: bool
        /// A natural wins against all but another natural, even against 21 in more cards (Sutton and Barto 2018,
        /// example 5.1).
        SuttonBarto: bool
    }

/// A hand as what the rules see of it. Cards are 1 (an ace) to 10.
[<Struct>]
type BlackjackHand =
    {
        /// The sum with every ace counted as 1.
        Hard: int
        /// The number of aces.
        Aces: int
        /// The number of cards.
        Cards: int
    }

    /// Whether an ace may count as 11.
    member this.HasUsableAce = this.Aces > 0 && this.Hard <= 11
    /// The sum, with 11 for a usable ace.
    member this.Sum = if this.HasUsableAce then this.Hard + 10 else this.Hard
    /// Whether the sum is above 21.
    member this.IsBust = this.Hard > 21
    /// The sum, or 0 for a hand that is bust.
    member this.Score = if this.IsBust then 0 else this.Sum
    /// An ace and a ten.
    member this.IsNatural = this.Cards = 2 && this.Sum = 21

/// How hands grow and what they win.
[<RequireQualifiedAccess>]
module BlackjackHand =

    /// No cards.
    let empty: BlackjackHand = { Hard = 0; Aces = 0; Cards = 0 }

    /// The hand with another card, 1 to 10.
    let add (card: int) (hand: BlackjackHand) : BlackjackHand =
        {
            Hard = hand.Hard + card
            Aces = (if card = 1 then hand.Aces + 1 else hand.Aces)
            Cards = hand.Cards + 1
        }

    /// P(card) of a deck that never ends: 1/13 for each of 1 to 9 and 4/13 for 10.
    let cardProbability (card: int) : float = if card = 10 then 4.0 / 13.0 else 1.0 / 13.0

    /// The dealer draws below 17.
    let dealerDraws (dealer: BlackjackHand) : bool = dealer.Sum < 17

    /// The reward of a player who sticks, once the dealer has drawn: 1, 0 or −1 as the scores compare, but for
    /// naturals.
    let pay (rules: BlackjackRules) (player: BlackjackHand) (dealer: BlackjackHand) : float =
        let reward = float (sign (player.Score - dealer.Score))

        if rules.SuttonBarto then
            if player.IsNatural && not dealer.IsNatural then 1.0 else reward
        elif rules.Natural && player.IsNatural && reward = 1.0 then
            1.5
        else
            reward
