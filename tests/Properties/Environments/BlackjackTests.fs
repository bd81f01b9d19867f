/// Blackjack: Gymnasium's games from scripted decks, the table against every run of cards, and its known strategy.
module Rl.Tests.Environments.BlackjackTests

open System
open Rl.Core.Foundations
open Rl.Core.Tabular
open Rl.Core.Environments
open Rl.Core.Environments.ToyText
open Rl.Tests.Golden
open Xunit

/// A deck of given cards, which says whether more were drawn than it holds.
[<Struct>]
type private Script = { Left: int list; WasShort: bool }

let private draw (script: Script) : struct (int * Script) =
    match script.Left with
    | card :: rest -> struct (card, { script with Left = rest })
    | [] -> struct (10, { script with WasShort = true })

let private rulesOf (case: GoldenNode) : BlackjackRules =
    let kwargs = case["kwargs"]
    { Natural = kwargs.Flag "natural"; SuttonBarto = kwargs.Flag "sab" }

let private environment (rules: BlackjackRules) : IEnvironment<BlackjackState> = Blackjack rules

let private observe (state: BlackjackState) : float[] =
    let observation = Array.zeroCreate<float32> 3
    (environment Blackjack.V1).Observe(state, Span observation)
    Array.map float observation

let private variants =
    [ Blackjack.V1; { Natural = true; SuttonBarto = false }; { Natural = false; SuttonBarto = false } ]

[<Fact>]
let ``scripted decks are played as Gymnasium plays them, by every rule`` () =
    Golden.verify "toytext_blackjack" (fun case ->
        let rules = rulesOf case
        let script = { Left = List.ofArray (case.Ints "cards"); WasShort = false }
        let struct (state, deck) = BlackjackGame.deal draw script
        Golden.close 0.0 0.0 case "initial_obs" (case.Floats "initial_obs") (observe state)
        let mutable state = state
        let mutable deck = deck

        for time, step in List.indexed case["steps"].Items do
            let parts = step.Items |> Array.ofList
            let struct (next, outcome, rest) = BlackjackGame.step rules draw state (parts[0].AsFloat = 1.0) deck
            let drawn = deck.Left.Length - rest.Left.Length
            let what = $"steps[{time}]"
            Golden.closeNumber 0.0 0.0 case $"{what}/cards" (float parts[1].AsArray.Values.Length) (float drawn)
            Golden.close 0.0 0.0 case $"{what}/observation" parts[2].AsArray.Values (observe next)
            Golden.closeNumber 0.0 0.0 case $"{what}/reward" parts[3].AsFloat outcome.Reward
            Assert.Equal(parts[4].AsFloat = 1.0, outcome.Terminated)
            Assert.False outcome.Truncated
            Assert.Equal(outcome.Terminated, (next.Over = 1))
            state <- next
            deck <- rest

        let hand (cards: int[]) = Array.fold (fun hand card -> BlackjackHand.add card hand) BlackjackHand.empty cards
        Assert.Equal(hand (case.Ints "final_player"), state.Player)
        Assert.Equal(hand (case.Ints "final_dealer"), state.Dealer)
        Assert.Empty deck.Left
        Assert.False deck.WasShort)

[<Fact>]
let ``Blackjack is specified as Gymnasium's`` () =
    let registered = (Golden.read "toytext_blackjack")["registered_kwargs"]
    Assert.Equal(registered.Flag "natural", Blackjack.V1.Natural)
    Assert.Equal(registered.Flag "sab", Blackjack.V1.SuttonBarto)
    let environment = Registry.make "Blackjack-v1"
    Assert.Equal(Space.discrete 2, environment.ActionSpace)
    Assert.Equal(0, environment.MaxEpisodeSteps)

[<Fact>]
let ``the registered keywords choose the rules`` () =
    let mean keywords =
        (Registry.makeWith keywords "Blackjack-v1")
            .Accept(
                { new IEnvironmentVisitor<float> with
                    member _.Visit<'State
                        when 'State: unmanaged
                        and 'State: struct
                        and 'State: (new: unit -> 'State)
                        and 'State :> ValueType>
                        (environment: IEnvironment<'State>)
                        =
                        let mutable rng = Rng.create 5UL
                        let mutable total = 0.0

                        for _ in 1..4000 do
                            let struct (state, next) = environment.Reset rng
                            let struct (_, outcome, next) = environment.Step(state, ReadOnlySpan [| 0.0f |], next)
                            rng <- next
                            total <- total + outcome.Reward

                        total
                }
            )

    let flag name value = name, KeywordValue.Flag value
    let plain = mean [ flag "sab" false ]
    Assert.True(mean [ flag "sab" false; flag "natural" true ] > plain + 50.0)
    Assert.True(mean [] > plain)
    Assert.Equal(mean [], mean [ flag "natural" true ])

/// The expectation of a game over all runs of cards that it asks for, deck by deck.
let private enumerate (play: Script -> struct (float * Script)) : float =
    let rec go (probability: float) (cards: int list) =
        let struct (value, left) = play { Left = List.rev cards; WasShort = false }

        if left.WasShort then
            Seq.sum (seq { for card in 1..10 -> go (probability * BlackjackHand.cardProbability card) (card :: cards) })
        else
            probability * value

    go 1.0 []

[<Fact>]
let ``the table pays for sticking what the game pays on average over every run of cards`` () =
    for rules in variants do
        let mdp = (ToyText.blackjack rules 1.0).Mdp

        for player in [ [ 10; 8 ]; [ 1; 10 ]; [ 1; 4; 6 ]; [ 1; 1 ] ] do
            let hand = List.fold (fun hand card -> BlackjackHand.add card hand) BlackjackHand.empty player

            for showing in [ 1; 2; 6; 10 ] do
                let expected =
                    enumerate (fun script ->
                        let struct (hidden, script) = draw script
                        let dealer = BlackjackHand.empty |> BlackjackHand.add showing |> BlackjackHand.add hidden
                        let state = { Player = hand; Dealer = dealer; Showing = showing; Over = 0 }
                        let struct (_, outcome, rest) = BlackjackGame.step rules draw state false script
                        struct (outcome.Reward, rest))

                Assert.Equal(expected, mdp.ExpectedReward(ToyText.blackjackState hand showing, 0), 1e-12)

[<Fact>]
let ``the table starts and hits as the game does`` () =
    let mdp = (ToyText.blackjack Blackjack.V1 1.0).Mdp
    let starts = Array.zeroCreate<float> mdp.States
    let cards = [ 1..10 ]

    for showing in cards do
        for first in cards do
            for second in cards do
                let script = { Left = [ showing; 5; first; second ]; WasShort = false }
                let struct (state, _) = BlackjackGame.deal draw script
                let probability = List.fold (fun p card -> p * BlackjackHand.cardProbability card) 1.0
                let index = ToyText.blackjackState state.Player state.Showing
                starts[index] <- starts[index] + probability [ showing; first; second ]

                for card in cards do
                    let struct (next, outcome, _) =
                        BlackjackGame.step Blackjack.V1 draw state true { Left = [ card ]; WasShort = false }

                    let tabled = mdp.Outcomes(index, 1).ToArray()[card - 1]
                    Assert.Equal(outcome.Terminated, tabled.Terminates)
                    Assert.Equal(outcome.Reward, tabled.Reward)
                    Assert.Equal(BlackjackHand.cardProbability card, tabled.Probability, 1e-15)

                    if not outcome.Terminated then
                        Assert.Equal(ToyText.blackjackState next.Player showing, tabled.Next)

    for state in 0 .. mdp.States - 1 do
        Assert.Equal(starts[state], mdp.Start.Span[state], 1e-15)

[<Fact>]
let ``the dealer goes bust as often as the tables of the game say`` () =
    // An endless deck, a dealer who stands on every 17, no look at the hidden card; by the card shown, ace to ten.
    let published = [| 0.1153; 0.3536; 0.3739; 0.3945; 0.4164; 0.4232; 0.2623; 0.2447; 0.2284; 0.2121 |]
    let mdp = (ToyText.blackjack Blackjack.V1 1.0).Mdp
    let twelve: BlackjackHand = { Hard = 12; Aces = 0; Cards = 2 }

    for showing in 1..10 do
        // 12 wins against a bust dealer alone.
        let bust = (1.0 + mdp.ExpectedReward(ToyText.blackjackState twelve showing, 0)) / 2.0
        Assert.Equal(published[showing - 1], bust, 6e-5)

[<Fact>]
let ``value iteration finds the strategy of Sutton and Barto's figure 5.2`` () =
    let mdp = (ToyText.blackjack Blackjack.V1 1.0).Mdp
    let solution = DynamicProgramming.valueIteration 1e-14 100 mdp
    // The least sum to stick with, by the card shown, ace to ten.
    let hard = [| 17; 13; 13; 12; 12; 12; 17; 17; 17; 17 |]
    let soft = [| 19; 18; 18; 18; 18; 18; 18; 18; 19; 19 |]

    for showing in 1..10 do
        for sum in 12..21 do
            let choice aces total =
                solution.Choices[ToyText.blackjackState { Hard = total; Aces = aces; Cards = 3 } showing]

            Assert.Equal((if sum >= hard[showing - 1] then 0 else 1), choice 0 sum)
            Assert.Equal((if sum >= soft[showing - 1] then 0 else 1), choice 1 (sum - 10))

        for sum in 4..11 do
            Assert.Equal(1, solution.Choices[ToyText.blackjackState { Hard = sum; Aces = 0; Cards = 2 } showing])

[<Fact>]
let ``games by the best strategy earn its value`` () =
    let games = 60_000
    let mdp = (ToyText.blackjack Blackjack.V1 1.0).Mdp
    let solution = DynamicProgramming.policyIteration mdp
    let value = Exact.objective mdp (TabularPolicy.deterministic 2 solution.Choices)
    let game = environment Blackjack.V1
    let mutable rng = Rng.create 11UL
    let mutable total = 0.0

    for _ in 1..games do
        let struct (state, next) = game.Reset rng
        let mutable state = state
        rng <- next

        while state.Over = 0 do
            let choice = solution.Choices[ToyText.blackjackState state.Player state.Showing]
            let struct (after, outcome, next) = game.Step(state, ReadOnlySpan [| float32 choice |], rng)
            state <- after
            rng <- next
            total <- total + outcome.Reward

    // The deviation of one game is at most 1.
    Assert.True(abs (total / float games - value) < 4.0 / sqrt (float games), $"{total / float games} for {value}")

[<Fact>]
let ``a game that is over, a wrong action and a wrong state are refused`` () =
    let game = environment Blackjack.V1
    let struct (state, rng) = game.Reset(Rng.create 1UL)
    let step state (action: float32) () = game.Step(state, ReadOnlySpan [| action |], rng) |> ignore
    let struct (over, _, _) = game.Step(state, ReadOnlySpan [| 0.0f |], rng)
    Assert.Throws<InvalidOperationException>(step over 0.0f) |> ignore
    Assert.Equal("action", Assert.Throws<ArgumentException>(step state 2.0f).ParamName)
    Assert.Equal("action", Assert.Throws<ArgumentException>(step state nanf).ParamName)
    let bust: BlackjackHand = { Hard = 22; Aces = 0; Cards = 3 }
    let stateOf hand showing () = ToyText.blackjackState hand showing |> ignore
    Assert.Equal("hand", Assert.Throws<ArgumentException>(stateOf bust 1).ParamName)

    Assert.Equal("showing", Assert.Throws<ArgumentOutOfRangeException>(stateOf { bust with Hard = 20 } 11).ParamName)
