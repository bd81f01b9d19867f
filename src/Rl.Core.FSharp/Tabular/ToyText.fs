/// Gymnasium's toy-text problems as exact tables: FrozenLake-v1, CliffWalking-v1, Taxi and Blackjack-v1.
namespace Rl.Core.Tabular

open Rl.Core.Foundations

/// A registered problem: its table, time limit and reward threshold.
type ToyTextTable =
    {
        /// The process.
        Mdp: Mdp
        /// After how many steps the environment truncates, if it does.
        MaxEpisodeSteps: int option
        /// The mean return that counts as solved, if there is one.
        RewardThreshold: float option
    }

/// Rewards of FrozenLake by the tile that is entered.
type FrozenLakeRewards = { Goal: float; Hole: float; Frozen: float }

/// Tables outcome for outcome as in Gymnasium 1.4.0 (Towers et al. 2024), each for a given discount. Rows of states
/// that the episode ends in are as in that table; nothing reads them in play.
[<RequireQualifiedAccess>]
module ToyText =

    let private outcome probability next reward terminates =
        { Probability = probability; Next = next; Reward = reward; Terminates = terminates }

    /// The 4x4 map of FrozenLake-v1: S start, F frozen, H hole, G goal.
    let frozenLake4x4 = [| "SFFF"; "FHFH"; "FFFH"; "HFFG" |]

    /// The 8x8 map of FrozenLake8x8-v1.
    let frozenLake8x8 =
        [| "SFFFFFFF"; "FFFFFFFF"; "FFFHFFFF"; "FFFFFHFF"; "FFFHFFFF"; "FHHFFFHF"; "FHFFHFHF"; "FFFHFFFG" |]

    /// Goal 1, hole 0, frozen 0.
    let frozenLakeRewards = { Goal = 1.0; Hole = 0.0; Frozen = 0.0 }

    /// Whether a path over tiles that are not holes leads from a start to a goal.
    let isPassable (map: string[]) : bool =
        let height, width = map.Length, map[0].Length
        let seen = Array2D.create height width false

        let rec search (frontier: (int * int) list) =
            match frontier with
            | [] -> false
            | (row, column) :: rest ->
                let inside = row >= 0 && row < height && column >= 0 && column < width

                if not inside || seen[row, column] || map[row][column] = 'H' then
                    search rest
                elif map[row][column] = 'G' then
                    true
                else
                    seen[row, column] <- true
                    search ((row + 1, column) :: (row, column + 1) :: (row - 1, column) :: (row, column - 1) :: rest)

        search
            [
                for row in 0 .. height - 1 do
                    for column in 0 .. width - 1 do
                        if map[row][column] = 'S' then (row, column)
            ]

    /// Freezes a random way to the right and down through a map.
    let private carve (map: string[]) (rng: Rng) : struct (string[] * Rng) =
        let tiles = map |> Array.map _.ToCharArray()
        let last = tiles.Length - 1
        let mutable rng = rng
        let mutable row, column = 0, 0

        while row < last || column < last do
            let struct (down, next) = Rng.bernoulli 0.5 rng
            rng <- next

            if column = last || down && row < last then
                row <- row + 1
            else
                column <- column + 1

            if tiles[row][column] = 'H' then tiles[row][column] <- 'F'

        struct (tiles |> Array.map System.String, rng)

    /// A random square map of FrozenLake with a path from its start, the upper left tile, to its goal, the lower right
    /// one: other tiles are frozen with the probability `frozen` ∈ [0, 1]. A map without a path is drawn again, up to
    /// 1000 times; then a path is frozen. `size` ≥ 2.
    let randomMap (size: int) (frozen: float) (rng: Rng) : struct (string[] * Rng) =
        Guard.inIntRange (nameof size) 2 1000 size
        Guard.inRange (nameof frozen) 0.0 1.0 frozen

        let draw (rng: Rng) : struct (string[] * Rng) =
            let mutable rng = rng
            let map = Array.zeroCreate<string> size

            for row in 0 .. size - 1 do
                let tiles = Array.zeroCreate<char> size

                for column in 0 .. size - 1 do
                    let struct (isFrozen, next) = Rng.bernoulli frozen rng
                    rng <- next

                    tiles[column] <-
                        if row = 0 && column = 0 then 'S'
                        elif row = size - 1 && column = size - 1 then 'G'
                        elif isFrozen then 'F'
                        else 'H'

                map[row] <- System.String tiles

            struct (map, rng)

        let rec search attempts rng =
            let struct (map, rng) = draw rng

            if isPassable map then struct (map, rng)
            elif attempts = 1 then carve map rng
            else search (attempts - 1) rng

        search 1000 rng

    let private requireMap (map: string[]) =
        Guard.notEmpty (nameof map) map.Length
        Guard.notEmpty $"{nameof map}[0]" map[0].Length

        map
        |> Array.iteri (fun row tiles ->
            if tiles.Length <> map[0].Length then
                Guard.fail
                    (nameof map)
                    ($"map[{row}] has {tiles.Length} tiles and map[0] has {map[0].Length}; give every row the same "
                     + "length.")

            tiles
            |> Seq.iteri (fun column tile ->
                if not ("SFHG".Contains tile) then
                    Guard.fail (nameof map) $"map[{row}][{column}] is '{tile}'; a tile is S, F, H or G."))

        if not (Array.exists (Seq.contains 'S') map) then
            Guard.fail (nameof map) "The map has no start; mark at least one tile S."

        if not (Array.exists (Seq.contains 'G') map) then
            Guard.fail (nameof map) "The map has no goal; mark at least one tile G."

    /// FrozenLake on a map: actions left, down, right, up. Slippery ice takes the wanted direction with the probability
    /// `successRate` (1/3 in FrozenLake-v1) and each of the two at right angles with half of the rest. Time limit and
    /// threshold are those of FrozenLake-v1, whatever the map.
    let frozenLake
        (map: string[])
        (slippery: bool)
        (successRate: float)
        (rewards: FrozenLakeRewards)
        (discount: float)
        : ToyTextTable =
        requireMap map
        Guard.inRange (nameof successRate) 0.0 1.0 successRate
        let height, width = map.Length, map[0].Length
        let states = height * width
        let tile state = map[state / width][state % width]

        let moved state direction =
            let row, column = state / width, state % width

            match direction with
            | 0 -> row * width + max 0 (column - 1)
            | 1 -> min (height - 1) (row + 1) * width + column
            | 2 -> row * width + min (width - 1) (column + 1)
            | _ -> max 0 (row - 1) * width + column

        let step probability state direction =
            let next = moved state direction

            match tile next with
            | 'G' -> outcome probability next rewards.Goal true
            | 'H' -> outcome probability next rewards.Hole true
            | _ -> outcome probability next rewards.Frozen false

        let outcomes =
            Array.init states (fun state ->
                Array.init 4 (fun action ->
                    match tile state with
                    | 'G'
                    | 'H' -> [| outcome 1.0 state 0.0 true |]
                    | _ when slippery ->
                        let aside = (1.0 - successRate) / 2.0

                        [|
                            step aside state ((action + 3) % 4)
                            step successRate state action
                            step aside state ((action + 1) % 4)
                        |]
                    | _ -> [| step 1.0 state action |]))

        let starts = [| for state in 0 .. states - 1 -> if tile state = 'S' then 1.0 else 0.0 |]
        let total = Array.sum starts

        {
            Mdp = Mdp.ofOutcomes discount (starts |> Array.map (fun weight -> weight / total)) outcomes
            MaxEpisodeSteps = Some 100
            RewardThreshold = Some 0.7
        }

    /// FrozenLake8x8-v1: the large map, slippery, with 200 steps and the threshold 0.85.
    let frozenLakeLarge (discount: float) : ToyTextTable =
        { frozenLake frozenLake8x8 true (1.0 / 3.0) frozenLakeRewards discount with
            MaxEpisodeSteps = Some 200
            RewardThreshold = Some 0.85
        }

    /// CliffWalking-v1 on 4 x 12 cells (Sutton and Barto 2018, example 6.6): actions up, right, down, left; −1 a step,
    /// −100 and back to the start for the cliff; on slippery ground each of the wanted direction and the two at right
    /// angles has the probability 1/3.
    let cliffWalking (slippery: bool) (discount: float) : ToyTextTable =
        let height, width = 4, 12
        let start, goal = 36, 47

        let step probability state direction =
            let row, column = state / width, state % width

            let next =
                match direction with
                | 0 -> max 0 (row - 1) * width + column
                | 1 -> row * width + min (width - 1) (column + 1)
                | 2 -> min (height - 1) (row + 1) * width + column
                | _ -> row * width + max 0 (column - 1)

            if next > start && next < goal then
                outcome probability start -100.0 false
            else
                outcome probability next -1.0 (next = goal)

        let outcomes =
            Array.init (height * width) (fun state ->
                Array.init 4 (fun action ->
                    if slippery then
                        [| action + 3; action; action + 1 |]
                        |> Array.map (fun direction -> step (1.0 / 3.0) state (direction % 4))
                    else
                        [| step 1.0 state action |]))

        let starts = Array.init (height * width) (fun state -> if state = start then 1.0 else 0.0)
        { Mdp = Mdp.ofOutcomes discount starts outcomes; MaxEpisodeSteps = None; RewardThreshold = None }

    /// Walls of the taxi's 5 x 5 town: between the columns c and c + 1 of a row.
    let private wallEastOf row column =
        match column with
        | 1 -> row <= 1
        | 0
        | 2 -> row >= 3
        | _ -> false

    /// The four places R, G, Y, B of the taxi's town, as (row, column).
    let private places = [| struct (0, 0); struct (0, 4); struct (4, 0); struct (4, 3) |]

    /// Which of the taxi's actions (south, north, east, west, pick up, drop off) change something in a state: the masks
    /// of Taxi-v3.
    let taxiMask (state: int) (action: int) : bool =
        let passenger, column, row = state / 4 % 5, state / 20 % 5, state / 100 % 5
        let at = places |> Array.tryFindIndex (fun place -> place = struct (row, column))

        match action with
        | 0 -> row < 4
        | 1 -> row > 0
        | 2 -> column < 4 && not (wallEastOf row column)
        | 3 -> column > 0 && not (wallEastOf row (column - 1))
        | 4 -> passenger < 4 && at = Some passenger
        | _ -> passenger = 4 && at.IsSome

    let private encodeTaxi row column passenger destination = ((row * 5 + column) * 5 + passenger) * 4 + destination

    /// Taxi's dry step.
    let private driveTaxi probability state action =
        let destination, passenger = state % 4, state / 4 % 5
        let column, row = state / 20 % 5, state / 100
        let place = places |> Array.tryFindIndex (fun place -> place = struct (row, column))
        let go row column = outcome probability (encodeTaxi row column passenger destination) -1.0 false
        let wrong = outcome probability state -10.0 false

        match action with
        | 0 -> go (min 4 (row + 1)) column
        | 1 -> go (max 0 (row - 1)) column
        | 2 -> go row (if wallEastOf row column then column else min 4 (column + 1))
        | 3 -> go row (if column > 0 && wallEastOf row (column - 1) then column else max 0 (column - 1))
        | 4 when passenger < 4 && place = Some passenger ->
            outcome probability (encodeTaxi row column 4 destination) -1.0 false
        | 5 when passenger = 4 ->
            match place with
            | Some at when at = destination -> outcome probability (encodeTaxi row column at destination) 20.0 true
            | Some at -> outcome probability (encodeTaxi row column at destination) -1.0 false
            | None -> wrong
        | _ -> wrong

    /// Taxi (Dietterich 2000): Taxi-v3 and Taxi-v4. The state is ((row · 5 + column) · 5 + passenger) · 4 +
    /// destination, passenger 4 being aboard; actions south, north, east, west, pick up, drop off; −1 a step, −10 for a
    /// wrong pick up or drop off, +20 for delivering, which terminates.
    /// In rain a drive goes the wanted way with the probability 0.8, to the left of it and to the right of it with 0.1
    /// each, where walls stop it; a drive whose wanted way is blocked stays, as in Gymnasium's Taxi-v4. A fickle
    /// passenger changes the destination, with the probability 0.3, once the taxi has moved with him aboard: 500 is
    /// added to states in which he still will.
    let taxiWith (rainy: bool) (fickle: bool) (discount: float) : ToyTextTable =
        // To the left and to the right of south, north, east and west.
        let sides = [| [| 2; 3 |]; [| 3; 2 |]; [| 1; 0 |]; [| 0; 1 |] |]

        let step state action =
            if rainy && action < 4 then
                let wanted = driveTaxi 0.8 state action
                let aside = (1.0 - 0.8) / 2.0

                let astray =
                    if wanted.Next = state then
                        Array.create 2 { wanted with Probability = aside }
                    else
                        sides[action] |> Array.map (driveTaxi aside state)

                Array.append [| wanted |] astray
            else
                [| driveTaxi 1.0 state action |]

        let steady = Array.init 500 (fun state -> Array.init 6 (step state))

        let changeMind state (result: Outcome) =
            let moved = result.Next / 20 <> state / 20

            if state / 4 % 5 = 4 && moved then
                [|
                    for other in 0..3 do
                        if other <> state % 4 then
                            { result with
                                Next = result.Next - result.Next % 4 + other
                                Probability = result.Probability / 3.0
                            }
                |]
            else
                [| { result with Next = (if result.Terminates then result.Next else result.Next + 500) } |]

        let starts = Array.init 500 (fun state -> if state / 4 % 5 < 4 && state / 4 % 5 <> state % 4 then 1.0 else 0.0)
        let total = Array.sum starts
        let start share = starts |> Array.map (fun weight -> share * weight / total)

        let mdp =
            if fickle then
                let undecided = steady |> Array.mapi (fun state -> Array.map (Array.collect (changeMind state)))
                Mdp.ofOutcomes discount (Array.append (start 0.7) (start 0.3)) (Array.append steady undecided)
            else
                Mdp.ofOutcomes discount (start 1.0) steady

        { Mdp = mdp; MaxEpisodeSteps = Some 200; RewardThreshold = Some 8.0 }

    /// Taxi, dry and with a steady passenger.
    let taxi (discount: float) : ToyTextTable = taxiWith false false discount

    /// The dealer's hands at the end and how likely they are, from a hand on; hands that pay alike are one.
    let private dealerEnds (hand: BlackjackHand) : (BlackjackHand * float)[] =
        let rec go (probability: float) (hand: BlackjackHand) =
            [|
                if BlackjackHand.dealerDraws hand then
                    for card in 1..10 do
                        yield! go (probability * BlackjackHand.cardProbability card) (BlackjackHand.add card hand)
                else
                    yield (hand, probability)
            |]

        go 1.0 hand
        |> Array.groupBy (fun (hand, _) -> struct (hand.Score, hand.IsNatural))
        |> Array.map (fun (_, alike) -> fst alike[0], Array.sumBy snd alike)

    /// The player's hands that Blackjack tells apart, in the order of the states: hard sums 4 to 21, soft sums 12 to
    /// 21, and the natural.
    let private blackjackHands: BlackjackHand[] =
        [|
            for hard in 4..21 -> { Hard = hard; Aces = 0; Cards = 3 }
            for soft in 12..21 -> { Hard = soft - 10; Aces = 1; Cards = 3 }
            yield { Hard = 11; Aces = 1; Cards = 2 }
        |]

    let private blackjackHand (hand: BlackjackHand) : int =
        if hand.IsNatural then 28
        elif hand.HasUsableAce then hand.Sum + 6
        else hand.Sum - 4

    /// The state of Blackjack-v1's table in which the player holds `hand` and the dealer shows the card 1 to 10.
    let blackjackState (hand: BlackjackHand) (showing: int) : int =
        Guard.inIntRange (nameof showing) 1 10 showing

        if hand.Cards < 2 || hand.IsBust then
            Guard.fail
                (nameof hand)
                ($"The hand has {hand.Cards} cards and sums to {hand.Sum}; give one of two cards or more that is "
                 + "not bust.")

        10 * blackjackHand hand + showing - 1

    /// Blackjack-v1 with a deck that never ends: 29 hands of the player times 10 cards of the dealer; actions 0 stick,
    /// 1 hit. The dealer's hidden card is drawn when it is turned, which is as likely (Sutton and Barto 2018, example
    /// 5.1).
    let blackjack (rules: BlackjackRules) (discount: float) : ToyTextTable =
        let ends = Array.init 10 (fun index -> dealerEnds (BlackjackHand.add (index + 1) BlackjackHand.empty))

        let stick state =
            let player = blackjackHands[state / 10]

            ends[state % 10]
            |> Array.map (fun (dealer, probability) ->
                outcome probability state (BlackjackHand.pay rules player dealer) true)

        let hit state =
            Array.init 10 (fun index ->
                let card = index + 1
                let hand = BlackjackHand.add card blackjackHands[state / 10]

                if hand.IsBust then
                    outcome (BlackjackHand.cardProbability card) state -1.0 true
                else
                    outcome (BlackjackHand.cardProbability card) (10 * blackjackHand hand + state % 10) 0.0 false)

        let starts = Array.zeroCreate<float> 290

        for first in 1..10 do
            for second in 1..10 do
                let hand = BlackjackHand.empty |> BlackjackHand.add first |> BlackjackHand.add second

                for showing in 1..10 do
                    let state = blackjackState hand showing

                    starts[state] <-
                        starts[state]
                        + BlackjackHand.cardProbability first
                          * BlackjackHand.cardProbability second
                          * BlackjackHand.cardProbability showing

        {
            Mdp = Mdp.ofOutcomes discount starts (Array.init 290 (fun state -> [| stick state; hit state |]))
            MaxEpisodeSteps = None
            RewardThreshold = None
        }
