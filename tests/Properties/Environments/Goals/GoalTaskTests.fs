/// The tasks with goals: what flipping bits and pushing a point do, by their definitions.
[<FsCheck.Xunit.Properties(Replay = "(4719255,4719257)", MaxTest = 60)>]
module Rl.Tests.Environments.Goals.GoalTaskTests

#nowarn "3391" // arrays convert to spans

open System
open System.Collections.Generic
open System.Numerics
open FsCheck.Xunit
open Rl.Core.Environments
open Rl.Core.Environments.Goals
open Rl.Core.Foundations
open Xunit

let private flipping bits : IEnvironment<BitFlippingState> = BitFlipping { BitFlipping.V0 with Bits = bits }

let private start (environment: IEnvironment<'State>) seed : 'State =
    let struct (state, _) = environment.Reset(Rng.create seed)
    state

let private step (environment: IEnvironment<'State>) (state: 'State) (action: float32[]) : struct ('State * Outcome) =
    let struct (next, outcome, _) = environment.Step(state, action, Rng.create 0UL)
    struct (next, outcome)

let private flip environment (state: BitFlippingState) (bit: int) = step environment state [| float32 bit |]

[<Property>]
let ``a bit that is flipped twice is as it was, and no other changes`` (seed: uint64) (bits: byte) (bit: byte) =
    let bits = 2 + int bits % 63
    let bit = int bit % bits
    let environment = flipping bits
    let state = start environment seed
    let struct (once, outcome) = flip environment state bit
    let changed = once.Bits ^^^ state.Bits

    changed = (1UL <<< bit)
    && once.Goal = state.Goal
    && (outcome.Terminated
        || (let struct (twice, second) = flip environment once bit
            twice = state && second.Reward = -1.0 && not second.Terminated))

[<Property>]
let ``flipping what differs, in any order, reaches the goal in the Hamming distance`` (seed: uint64) (bits: byte) =
    let bits = 1 + int bits % 64
    let environment = flipping bits
    let first = start environment seed
    let distance = BitOperations.PopCount(first.Bits ^^^ first.Goal)
    let struct (order, _) = Rng.permutation bits (Rng.create (seed + 1UL))
    let wrong = order |> Array.filter (fun bit -> (first.Bits ^^^ first.Goal) >>> bit &&& 1UL = 1UL)

    let walked =
        (struct (first, []), wrong)
        ||> Array.fold (fun (struct (state, outcomes)) bit ->
            let struct (next, outcome) = flip environment state bit
            struct (next, outcomes @ [ outcome ]))

    let struct (last, outcomes) = walked

    last.Bits = last.Goal
    && outcomes.Length = distance
    && outcomes |> List.map _.Reward = List.replicate (distance - 1) -1.0 @ [ 0.0 ]
    && outcomes |> List.map _.Terminated = List.replicate (distance - 1) false @ [ true ]

[<Property(MaxTest = 20)>]
let ``no way to the goal is shorter than the Hamming distance`` (seed: uint64) (bits: byte) =
    let bits = 1 + int bits % 7
    let environment = flipping bits
    let first = start environment seed
    let reached = Dictionary<uint64, int>()
    let waiting = Queue<struct (BitFlippingState * int)>()
    reached[first.Bits] <- 0
    waiting.Enqueue(struct (first, 0))

    while waiting.Count > 0 do
        let struct (state, steps) = waiting.Dequeue()

        if state.Bits <> state.Goal then
            for bit in 0 .. bits - 1 do
                let struct (next, _) = flip environment state bit

                if reached.TryAdd(next.Bits, steps + 1) then
                    waiting.Enqueue(struct (next, steps + 1))

    reached[first.Goal] = BitOperations.PopCount(first.Bits ^^^ first.Goal)

[<Fact>]
let ``starts and goals are uniform among the pairs that differ`` () =
    let environment = flipping 2
    let mutable key = Rng.create 3UL
    let counts = Dictionary<BitFlippingState, int>()
    let draws = 24_000

    for _ in 1..draws do
        let struct (state, next) = environment.Reset key
        key <- next
        counts[state] <- (if counts.ContainsKey state then counts[state] else 0) + 1

    Assert.Equal(12, counts.Count)

    // 2,000 each, five standard deviations of 43.
    for pair in counts do
        Assert.NotEqual(pair.Key.Bits, pair.Key.Goal)
        Assert.InRange(pair.Value, 1_785, 2_215)

[<Fact>]
let ``the best mean return is that of shortest ways`` () =
    for bits in [ 1; 2; 5 ] do
        let all = 1 <<< bits
        let returns = [ for apart in 1 .. all - 1 -> 1.0 - float (BitOperations.PopCount(uint32 apart)) ]
        Assert.Equal(List.average returns, (BitFlipping { BitFlipping.V0 with Bits = bits }).BestMeanReturn, 12)

[<Property(MaxTest = 20)>]
let ``the goal of all ones is one, and episodes last as many steps as there are bits`` (seed: uint64) =
    let batch = (Registry.makeWith [ "goal", KeywordValue.Text "ones" ] "BitFlipping-v0").Vectorise 2
    batch.Reset(Rng.create seed)
    let observations = Array.zeroCreate<float32>(2 * 45)
    batch.Observe(Span observations)
    Assert.Equal(15, batch.MaxEpisodeSteps)

    [ 0; 1 ]
    |> List.forall (fun copy ->
        let own = Array.sub observations (copy * 45) 45

        own[30..] = Array.create 15 1.0f
        && own[..14] = own[15..29]
        && Array.contains 0.0f own[..14]
        && Array.forall (fun bit -> bit = 0.0f || bit = 1.0f) own)

[<Fact>]
let ``a goal that was reached, an action that is no bit and numbers of bits outside 1 to 64 are refused`` () =
    let environment = flipping 3
    let reached = { Bits = 5UL; Goal = 5UL }

    Assert.Throws<InvalidOperationException>(fun () -> flip environment reached 0 |> ignore) |> ignore

    for action in [ 3.0f; -1.0f; 0.5f; nanf ] do
        Assert.Throws<ArgumentException>(fun () -> step environment { Bits = 4UL; Goal = 5UL } [| action |] |> ignore)
        |> ignore

    for bits in [ 0.0; 65.0; 2.5; nan ] do
        let make () = Registry.makeWith [ "bits", KeywordValue.Number bits ] "BitFlipping-v0" |> ignore
        Assert.Contains("bits", Assert.ThrowsAny<ArgumentException>(make).Message)

    for tolerance in [ 0.0; -1.0; nan; infinity ] do
        let make () = Registry.makeWith [ "tolerance", KeywordValue.Number tolerance ] "PointReach-v0" |> ignore
        Assert.Contains("tolerance", Assert.ThrowsAny<ArgumentException>(make).Message)

let private sparse: IEnvironment<PointReachState> = PointReach PointReach.V0
let private dense: IEnvironment<PointReachState> = PointReach PointReach.DenseV0

let private at x y goalX goalY : PointReachState =
    { X = x; Y = y; VelocityX = 0.0; VelocityY = 0.0; GoalX = goalX; GoalY = goalY }

[<Fact>]
let ``from rest, k steps of an acceleration a lead 0.01 a k (k + 1) / 2 far`` () =
    let mutable state = at -0.9 0.1 0.5 0.5

    for k in 1..5 do
        let struct (next, _) = step sparse state [| 0.5f; -0.25f |]
        state <- next
        let steps = float (k * (k + 1)) / 2.0
        Assert.Equal(-0.9 + 0.01 * 1.0 * steps, state.X, 12)
        Assert.Equal(0.1 - 0.01 * 0.5 * steps, state.Y, 12)
        Assert.Equal(0.1 * float k, state.VelocityX, 12)
        Assert.Equal(-0.05 * float k, state.VelocityY, 12)

[<Fact>]
let ``speed is at most 1 m/s, actions beyond the box are clipped, and a wall takes the velocity across it alone`` () =
    let moving = { at 0.0 -0.5 0.5 0.5 with VelocityX = 0.95; VelocityY = 0.3 }
    let struct (next, _) = step sparse moving [| 1.0f; 0.0f |]
    Assert.Equal(1.0, next.VelocityX, 12)
    Assert.Equal(0.1, next.X, 12)
    Assert.Equal(step sparse moving [| 1.0f; -1.0f |], step sparse moving [| 7.0f; -infinityf |])
    let near = { at 0.97 0.2 0.5 0.5 with VelocityX = 0.6; VelocityY = 0.3 }
    let struct (stopped, _) = step sparse near [| 0.0f; 0.0f |]
    Assert.Equal(1.0, stopped.X)
    Assert.Equal(0.0, stopped.VelocityX)
    Assert.Equal(0.3, stopped.VelocityY, 12)
    Assert.Equal(0.23, stopped.Y, 12)

    for action in [ [| nanf; 0.0f |]; [| 0.0f; nanf |] ] do
        Assert.Throws<ArgumentException>(fun () -> step sparse near action |> ignore) |> ignore

[<Property>]
let ``the plane looks the same from the other side`` (seed: uint64) =
    let struct (ahead, key) = Rng.uniformIn -1.5 1.5 (Rng.create seed)
    let struct (aside, _) = Rng.uniformIn -1.5 1.5 key
    let state = { start sparse seed with VelocityX = 0.9 * ahead / 1.5; VelocityY = -aside / 1.5 }

    let mirrored =
        {
            X = -state.Y
            Y = -state.X
            VelocityX = -state.VelocityY
            VelocityY = -state.VelocityX
            GoalX = -state.GoalY
            GoalY = -state.GoalX
        }

    [ sparse; dense ]
    |> List.forall (fun environment ->
        let struct (next, outcome) = step environment state [| float32 ahead; float32 aside |]
        let struct (other, same) = step environment mirrored [| -float32 aside; -float32 ahead |]

        next.X = -other.Y
        && next.Y = -other.X
        && next.VelocityX = -other.VelocityY
        && next.VelocityY = -other.VelocityX
        && abs (outcome.Reward - same.Reward) < 1e-12)

[<Fact>]
let ``the reward is 0 within the tolerance and −1 beyond, or minus the distance, of where the step led`` () =
    let pays environment state =
        let struct (_, outcome) = step environment state [| 0.0f; 0.0f |]
        Assert.False(outcome.Terminated || outcome.Truncated)
        outcome.Reward

    Assert.Equal(0.0, pays sparse (at 0.3 0.4 0.3 0.4))
    Assert.Equal(0.0, pays sparse (at 0.0 0.0 0.03 0.0399))
    Assert.Equal(-1.0, pays sparse (at 0.0 0.0 0.03 0.0401))
    Assert.Equal(-0.5, pays dense (at 0.1 -0.1 0.4 0.3), 6)
    // A step that leaves the goal, and one that comes to it.
    Assert.Equal(-1.0, pays sparse { at 0.0 0.0 0.0 0.0 with VelocityX = 0.9 })
    Assert.Equal(0.0, pays sparse { at 0.1 0.0 0.0 0.0 with VelocityX = -0.9 })

[<Fact>]
let ``a proportional and derivative controller reaches every goal and stays, in a mean of 13 to 20 steps`` () =
    let episodes = 400
    let mutable total = 0.0

    for seed in 1..episodes do
        let mutable state = start sparse (uint64 seed)
        let mutable last = nan

        for _ in 1..50 do
            let push position velocity goal = float32 (4.0 * (goal - position) - 3.0 * velocity)
            let x = push state.X state.VelocityX state.GoalX
            let y = push state.Y state.VelocityY state.GoalY
            let struct (next, outcome) = step sparse state [| x; y |]
            state <- next
            last <- outcome.Reward
            total <- total + outcome.Reward

        Assert.Equal(0.0, last)

    Assert.InRange(total / float episodes, -20.0, -13.0)
