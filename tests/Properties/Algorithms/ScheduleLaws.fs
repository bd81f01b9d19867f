/// The laws of schedules in learners: one that keeps a value trains as the number does, and one that changes acts when
/// its time has come and not before.
module Rl.Tests.Algorithms.ScheduleLaws

open System
open System.Globalization
open Rl.Core.Algorithms
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Tests.Algorithms
open Xunit

/// Where a rate has an effect, if not where `OptionLaws` says: algorithm, option, environment, options besides.
let private places: (string * string * string * (string * string) list) list =
    [
        for id in [ "ppo"; "appo"; "gail"; "airl" ] do
            id, "ClipRange", "CartPole-v1", [ "LearningRate", "0.05" ]
            let rate, range = if id = "appo" then "0.05", "0.2" else "0.01", "0.02"
            id, "ValueClipRange", "CartPole-v1", [ "LearningRate", rate; "ValueClipRange", range ]
            id, "EntropyCoefficient", "CartPole-v1", [ "EntropyCoefficient", "0.1" ]
        "a2c", "EntropyCoefficient", "CartPole-v1", [ "EntropyCoefficient", "0.1" ]
        "impala", "EntropyCoefficient", "CartPole-v1", [ "EntropyCoefficient", "0.1" ]
        "vpg", "EntropyCoefficient", "CartPole-v1", [ "EntropyCoefficient", "0.1" ]
        "reinforce", "EntropyCoefficient", "CartPole-v1", [ "EntropyCoefficient", "0.1" ]
        "reinforce", "ValueLearningRate", "CartPole-v1", [ "Baseline", "learned" ]
        "ppg", "EntropyCoefficient", "CartPole-v1", [ "EntropyCoefficient", "0.1" ]
        "npg", "LearningRate", "CartPole-v1", [ "LearningRate", "0.1" ]
    ]

/// Algorithm and option.
let rates: TheoryData<string, string> =
    let data = TheoryData<string, string>()

    for entry in Catalogue.entries do
        for option in entry.Options do
            match option.Kind with
            | OptionKind.Schedule _ -> data.Add(entry.Id, option.Name)
            | _ -> ()

    data

let private text (value: float) = value.ToString("R", CultureInfo.InvariantCulture)

/// A learner's states and reports after 1, 2, … transitions.
let private states algorithm id count changes =
    use workers = new Workers(1)
    use learner = LearnerLaws.make algorithm changes id (OptionLaws.copies changes) workers

    List.scan
        (fun (state: TrainingState, _) _ ->
            let struct (next, report: Report) = learner.Transition state
            next, Some report)
        (learner.Initialise(Rng.create 11UL), None)
        [ 1..count ]
    |> List.tail
    |> List.map (fun (state, report) -> state, report.Value)

/// The task, the option, and two values that it may have there.
let private found id name =
    let entry = Catalogue.entries |> List.find (fun entry -> entry.Id = id)
    let option = entry.Options |> List.find (fun option -> option.Name = name)

    let environment, besides =
        places @ OptionLaws.places
        |> List.tryFind (fun (algorithm, option, _, _) -> (algorithm = id || algorithm = "*") && option = name)
        |> Option.map (fun (_, _, environment, besides) -> environment, besides)
        |> Option.defaultValue (OptionLaws.usual entry, [])

    let present = (dict (entry.Settings(entry.Small @ besides)))[name]
    let value = RateSchedule.parse name present |> RateSchedule.at 0.0
    let other = OptionLaws.other option present |> float

    // Half of a divergence that stops the epochs stops them too.
    if List.contains id [ "ppo"; "gail"; "airl" ] && name = "TargetKl" then
        environment, [ "LearningRate", "0.01" ], 1e-6, 0.0
    elif value = 0.0 then
        environment, besides, other, 0.0
    else
        environment, besides, value, other

[<Theory; MemberData(nameof rates)>]
let ``a schedule of one value trains as the number does`` (id: string) (name: string) =
    let environment, besides, value, _ = found id name
    let trained form = states id environment 2 (besides @ [ name, form ]) |> List.last |> fst
    let number, schedule = trained (text value), trained $"piecewise({text value}, 0.5: {text value})"
    Assert.Equal(number.Steps, schedule.Steps)

    // A constant of a program and its input may differ by roundings.
    for a, b in Array.zip number.Parameters schedule.Parameters do
        Assert.Equal(float a, float b, 2e-4 * (1.0 + abs (float a)))

[<Theory; MemberData(nameof rates)>]
let ``a schedule changes training when its time has come and not before, and reports what is in force``
    (id: string)
    (name: string)
    =
    let environment, besides, value, other = found id name
    let besides = besides |> List.filter (fun (name, _) -> name <> "TotalSteps")
    let plain = states id environment 1 (besides @ [ name, text value ]) |> List.last |> fst
    // The change comes with the second transition, which starts at half of the plan.
    let total = string (2L * plain.Steps)

    let trained next =
        states id environment 3 (besides @ [ name, $"piecewise({text value}, 0.5: {text next})"; "TotalSteps", total ])

    let kept, changed = trained value, trained other

    // Replayed steps are learned from while they come, the last after the change.
    let entry = Catalogue.entries |> List.find (fun entry -> entry.Id = id)

    if entry.Family <> AlgorithmFamily.OffPolicy && id <> "sqil" then
        Assert.Equal<float32[]>((fst kept[0]).Parameters, (fst changed[0]).Parameters)

    Assert.NotEqual<float32[]>((fst kept[2]).Parameters, (fst changed[2]).Parameters)

    let metric =
        match name with
        | "FractionEntropy" -> "fractionEntropyWeight"
        | _ -> $"{Char.ToLowerInvariant name[0]}{name[1..]}"

    match
        (snd changed[2]).Metrics
        |> Array.tryPick (fun (struct (name, value)) -> if name = metric then Some value else None)
    with
    | Some reported -> Assert.Equal(other, reported, 1e-6)
    | None -> Assert.Equal("ImportanceExponent", name)
