/// Returns and advantages: golden numbers, and the identities of the one recurrence.
[<FsCheck.Xunit.Properties(Replay = "(4719065,4719067)",
                           Arbitrary = [| typeof<Rl.Tests.Objectives.RandomRollouts.RandomRollouts> |])>]
module Rl.Tests.Objectives.ReturnsTests

open System
open Rl.Core.Foundations
open Rl.Core.Objectives
open Rl.Tests.Golden
open Xunit
open FsCheck.Xunit
open Rl.Tests.Objectives.RandomRollouts

let private isGae (case: GoldenNode) = case.Has "gae_lambda"

let private ofCase (case: GoldenNode) discount trace terminated truncated =
    let columns = case.Int "N"

    build
        columns
        discount
        trace
        (case.Floats "rewards")
        (case.Floats "values")
        terminated
        truncated
        (case.Floats "last_values")
        (case.Floats "truncation_values")

[<Fact>]
let ``advantages that bootstrap where truncated are those of Stable-Baselines3`` () =
    Golden.verifyWhere "gae_returns" isGae (fun case ->
        let terminated, truncated = case.Flags "terminated", case.Flags "truncated"
        let rollout = ofCase case (case.Float "gamma") (case.Float "gae_lambda") terminated truncated
        let expected: GoldenNode = case["bootstrapped"]
        Golden.close 1e-10 1e-10 case "advantages" (expected.Floats "advantages") (advantages rollout)
        Golden.close 1e-10 1e-10 case "returns" (expected.Floats "returns") (lambda rollout))

[<Fact>]
let ``advantages that take every end for terminal are those of Stable-Baselines3`` () =
    Golden.verifyWhere "gae_returns" isGae (fun case ->
        let ended = Array.map2 (||) (case.Flags "terminated") (case.Flags "truncated")

        let rollout =
            ofCase case (case.Float "gamma") (case.Float "gae_lambda") ended (Array.map (fun _ -> false) ended)

        let expected: GoldenNode = case["plain"]
        Golden.close 1e-10 1e-10 case "advantages" (expected.Floats "advantages") (advantages rollout)
        Golden.close 1e-10 1e-10 case "returns" (expected.Floats "returns") (lambda rollout))

[<Fact>]
let ``returns-to-go are those of Spinning Up`` () =
    Golden.verifyWhere "gae_returns" isGae (fun case ->
        let rollout = ofCase case (case.Float "gamma") 1.0 (case.Flags "terminated") (case.Flags "truncated")

        Golden.close
            1e-10
            1e-10
            case
            "discounted_return_to_go"
            (case.Floats "discounted_return_to_go")
            (lambda rollout))

[<Fact>]
let ``discounted sums are those of Spinning Up`` () =
    Golden.verifyWhere "gae_returns" (isGae >> not) (fun case ->
        let rewards = case.Floats "x"
        let none = Array.create rewards.Length false
        let zeros = Array.zeroCreate rewards.Length
        let rollout = build 1 (case.Float "discount") 1.0 rewards zeros none none [| 0.0 |] zeros
        Golden.close 1e-10 1e-10 case "out" (case.Floats "out") (lambda rollout)
        let first = Returns.Discounted(case.Float "discount", rewards)
        let expected = case.Floats "out"
        Golden.closeNumber 1e-10 1e-10 case "out[0]" expected[0] first)

[<Property>]
let ``rows of any width follow the recurrence`` (random: RandomRollout) =
    let rollout = randomRollout random 0.97 0.8
    close (plainLambda rollout) (lambda rollout)

[<Property>]
let ``the λ-return is the advantage plus the value`` (random: RandomRollout) =
    let rollout = randomRollout random 0.97 0.8
    close (lambda rollout) (Array.map2 (+) (advantages rollout) rollout.Values)

[<Property>]
let ``advantages from flags are those from a discount per step, bit for bit`` (random: RandomRollout) =
    let mutable rng = Rng.create random.Seed

    let next draw =
        let struct (value, after) = draw rng
        rng <- after
        value

    // Several vectors wide, so that some have no end and others have one.
    let columns = 2 * random.Columns
    let size = random.Rows * columns
    let normals count = Array.init count (fun _ -> next Rng.normal)
    let rewards, values, lastValues, finalValues = normals size, normals size, normals columns, normals size
    let terminated = Array.init size (fun _ -> next (Rng.bernoulli 0.05))
    let truncated = Array.init size (fun _ -> next (Rng.bernoulli 0.05))
    let rollout = build columns 0.97 0.8 rewards values terminated truncated lastValues finalValues
    let result = Array.zeroCreate<float> size

    let steps =
        RolloutSteps<float>(columns, 0.97, 0.8, rewards, values, lastValues, terminated, truncated, finalValues)

    Returns.RolloutAdvantages(steps, result)
    result = advantages rollout

[<Property>]
let ``λ = 1 gives the return minus the value`` (random: RandomRollout) =
    let rollout = randomRollout random 0.9 1.0
    let length = rollout.Rewards.Length
    close (Array.map2 (-) (nStep length rollout) rollout.Values) (advantages rollout)

[<Property>]
let ``λ = 0 gives the temporal-difference error`` (random: RandomRollout) =
    let rollout = randomRollout random 0.9 0.0

    let errors =
        Array.init rollout.Rewards.Length (fun at ->
            rollout.Rewards[at] + rollout.Discounts[at] * rollout.NextValues[at] - rollout.Values[at])

    close errors (advantages rollout)

[<Property>]
let ``one step is λ = 0 and as many steps as there are is λ = 1`` (random: RandomRollout) =
    let rollout = randomRollout random 0.9 1.0
    let cut = { rollout with Traces = Array.map (fun _ -> 0.0) rollout.Traces }
    close (lambda cut) (nStep 1 rollout) && close (lambda rollout) (nStep Int32.MaxValue rollout)

[<Property>]
let ``n steps are one step followed by n − 1`` (random: RandomRollout) (steps: byte) =
    let rollout = randomRollout random 0.9 1.0
    let columns = rollout.Columns
    let steps = 2 + int steps % 6
    let shorter, longer = nStep (steps - 1) rollout, nStep steps rollout

    Array.init longer.Length (fun at ->
        let goesOn = rollout.Traces[at] = 1.0 && at + columns < longer.Length
        let next = if goesOn then shorter[at + columns] else rollout.NextValues[at]
        rollout.Rewards[at] + rollout.Discounts[at] * next)
    |> close longer

[<Property>]
let ``splitting a rollout anywhere changes nothing`` (random: RandomRollout) (cut: byte) =
    let rollout = randomRollout random 0.97 0.8
    let rows = rollout.Rewards.Length / rollout.Columns
    let cut = (int cut % rows) * rollout.Columns

    let part choose =
        { rollout with
            Rewards = choose rollout.Rewards
            Values = choose rollout.Values
            Discounts = choose rollout.Discounts
            NextValues = choose rollout.NextValues
            Traces = choose rollout.Traces
        }

    let joined (estimate: float[] -> Rollout -> float[]) =
        let tail = estimate [||] (part (Array.skip cut))

        if cut = 0 then
            tail
        else
            Array.append (estimate (Array.take rollout.Columns tail) (part (Array.take cut))) tail

    joined lambdaAfter = lambda rollout && joined advantagesAfter = advantages rollout

[<Property>]
let ``discount 0 cuts everything after it`` (random: RandomRollout) (at: byte) =
    let rollout = randomRollout random 0.97 0.8
    let at = int at % rollout.Rewards.Length
    let column = at % rollout.Columns

    let blocked = { rollout with Discounts = Array.mapi (fun i d -> if i = at then 0.0 else d) rollout.Discounts }

    let disturb (values: float[]) =
        values
        |> Array.mapi (fun i value -> if i > at && i % rollout.Columns = column then value + 100.0 else value)

    let disturbed =
        { blocked with
            Rewards = disturb blocked.Rewards
            Values = disturb blocked.Values
            NextValues =
                disturb blocked.NextValues |> Array.mapi (fun i value -> if i = at then value - 50.0 else value)
        }

    let upTo (values: float[]) = Array.take (at + 1) values

    upTo (lambda blocked) = upTo (lambda disturbed)
    && upTo (advantages blocked) = upTo (advantages disturbed)

[<Property>]
let ``an infinite chain cut by time limits keeps its value, and one cut by termination does not``
    (random: RandomRollout)
    (limit: byte)
    =
    // Reward 1 for ever: v = 1 / (1 − γ), whatever the limit and λ.
    let discount, limit, rows = 0.9, 1 + int limit % 7, 24
    let struct (trace, _) = Rng.uniform (Rng.create random.Seed)
    let value = 1.0 / (1.0 - discount)
    let ends = Array.init rows (fun row -> (row + 1) % limit = 0)
    let never = Array.create rows false
    let constant = Array.create rows value

    let chain trace terminated truncated =
        build 1 discount trace (Array.create rows 1.0) constant terminated truncated [| value |] constant

    let cut, dead = chain trace never ends, chain 1.0 ends never

    close constant (lambda cut)
    && close (Array.zeroCreate rows) (advantages cut)
    && Golden.isClose 1e-12 1e-12 ((1.0 - discount ** float limit) * value) (Array.head (lambda dead))

[<Property>]
let ``what follows an end never reaches what precedes it`` (random: RandomRollout) =
    let rollout = randomRollout random 0.97 0.8
    let columns = rollout.Columns

    let disturbedAfterEnds =
        let mutable ended = Array.create columns false

        { rollout with
            Rewards =
                rollout.Rewards
                |> Array.mapi (fun at reward ->
                    let value = if ended[at % columns] then reward + 7.0 else reward
                    if rollout.Traces[at] = 0.0 then ended[at % columns] <- true
                    value)
        }

    let firstEpisode =
        let ended = Array.create columns false

        Array.init rollout.Rewards.Length (fun at ->
            let belongs = not ended[at % columns]
            if rollout.Traces[at] = 0.0 then ended[at % columns] <- true
            belongs)

    Array.forall2
        (fun belongs (before, after) -> not belongs || before = after)
        firstEpisode
        (Array.zip (lambda rollout) (lambda disturbedAfterEnds))

[<Property>]
let ``the full-trajectory return is the same at every step of an episode: that of its first`` (random: RandomRollout) =
    let rollout = randomRollout random 0.95 1.0
    let toGo = lambda rollout
    let full = Array.zeroCreate<float> toGo.Length
    Returns.FullTrajectory<float>(rollout.Columns, toGo, rollout.Traces, full)

    Seq.forall
        (fun at ->
            let mutable start = at

            while start >= rollout.Columns && rollout.Traces[start - rollout.Columns] <> 0.0 do
                start <- start - rollout.Columns

            full[at] = toGo[start])
        (seq { 0 .. toGo.Length - 1 })

[<Property>]
let ``UPGO follows the next step where it turned out better than its value, and bootstraps where it did not``
    (random: RandomRollout)
    =
    let rollout = randomRollout random 0.95 1.0
    let columns, length = rollout.Columns, rollout.Rewards.Length
    let oneStep at = rollout.Rewards[at] + rollout.Discounts[at] * rollout.NextValues[at]

    let rec expected at =
        let next = at + columns
        let follows = next < length && rollout.Traces[at] <> 0.0 && oneStep next >= rollout.Values[next]

        if follows then
            rollout.Rewards[at] + rollout.Discounts[at] * expected next
        else
            oneStep at

    let actual = Array.zeroCreate<float> length

    ActionValues.Upgo(rollout.Steps, rollout.Values, actual)
    close (Array.init length expected) actual

[<Property>]
let ``float32 agrees with float64`` (random: RandomRollout) =
    let rollout = randomRollout random 0.97 0.8
    let single (values: float[]) = Array.map float32 values
    let result = Array.zeroCreate<float32> rollout.Rewards.Length

    let rewards, discounts = single rollout.Rewards, single rollout.Discounts
    let nextValues, traces = single rollout.NextValues, single rollout.Traces
    let steps = Steps<float32>(rollout.Columns, rewards, discounts, nextValues, traces)
    Returns.Advantages(steps, single rollout.Values, ReadOnlySpan.Empty, result)
    Array.forall2 (fun expected actual -> Golden.isClose 1e-5 1e-5 expected (float actual)) (advantages rollout) result

[<Fact>]
let ``estimates allocate nothing but their result`` () =
    let rollout = randomRollout { Seed = 8UL; Rows = 5; Columns = 7 } 0.97 0.8

    let allocated estimate =
        estimate rollout |> ignore
        let before = GC.GetAllocatedBytesForCurrentThread()
        estimate rollout |> ignore
        GC.GetAllocatedBytesForCurrentThread() - before

    let one = allocated (fun rollout -> Array.zeroCreate<float> rollout.Rewards.Length)
    let empty: float[] = [||]
    Assert.Equal(one, allocated (advantagesAfter empty))
    Assert.Equal(one, allocated (lambdaAfter empty))
    Assert.Equal(one, allocated (nStep 3))

[<Fact>]
let ``wrong lengths are refused by name`` () =
    let rollout = randomRollout { Seed = 1UL; Rows = 5; Columns = 7 } 0.9 0.9

    let refused name (change: Rollout -> Rollout) =
        let error = Assert.ThrowsAny<ArgumentException>(fun () -> advantages (change rollout) |> ignore)
        Assert.Equal(name, error.ParamName)

    refused "columns" (fun rollout -> { rollout with Columns = 0 })
    refused "rewards" (fun rollout -> { rollout with Columns = rollout.Rewards.Length + 1 })
    refused "values" (fun rollout -> { rollout with Values = Array.append rollout.Values [| 0.0 |] })
    refused "discounts" (fun rollout -> { rollout with Discounts = [||] })
    refused "nextValues" (fun rollout -> { rollout with NextValues = [||] })
    refused "traces" (fun rollout -> { rollout with Traces = [||] })
    refused "rewards" (fun rollout -> { rollout with Rewards = [||] })

    let scan (name: string) (rewards: float[]) (values: float[]) (flags: bool[]) =
        let last, result = Array.zeroCreate<float> 1, Array.zeroCreate<float> rewards.Length

        let error =
            Assert.ThrowsAny<ArgumentException>(fun () ->
                let steps = RolloutSteps<float>(1, 0.9, 0.9, rewards, values, last, flags, flags, rewards)
                Returns.RolloutAdvantages(steps, result))

        Assert.Equal(name, error.ParamName)

    scan "rewards" [||] [||] [||]
    scan "values" [| 1.0 |] [||] [| false |]
    scan "terminated" [| 1.0 |] [| 1.0 |] [||]

    let error =
        Assert.Throws<ArgumentException>(fun () ->
            advantagesAfter (Array.create (rollout.Columns + 1) 0.0) rollout |> ignore)

    Assert.Equal("following", error.ParamName)
    Assert.Throws<ArgumentOutOfRangeException>(fun () -> nStep 0 rollout |> ignore) |> ignore
