/// What returns and corrections refuse: discounts and traces outside [0, 1], numbers that are not finite, negative
/// ratios, clips and mixtures.
module Rl.Tests.Objectives.BadInputTests

open System
open Rl.Core.Objectives
open Xunit

/// Arguments of a call by name, each [T, N] = [3, 2].
type private Arguments = Map<string, float[]>

let private columns = 2

let private sound: Arguments =
    Map.ofList
        [
            for name in
                [
                    "rewards"
                    "values"
                    "actionValues"
                    "nextValues"
                    "nextActionValues"
                    "finalValues"
                    "errors"
                    "returns"
                    "returnsToGo"
                    "logTarget"
                    "logBehaviour"
                ] -> name, [| 0.5; -1.0; 0.0; 2.0; -0.25; 1.0 |]
            for name in [ "discounts"; "traces"; "nextProbabilities" ] -> name, [| 0.9; 0.0; 1.0; 0.5; 0.25; 0.9 |]
            for name in [ "ratios"; "nextRatios"; "weights" ] -> name, [| 0.5; 1.5; 0.0; 3.0; 1.0; 0.2 |]
            for name in [ "following"; "lastValues" ] -> name, [| 0.5; -0.5 |]
        ]

/// The steps of a call's arrays.
let private steps (a: Arguments) = Steps<float>(columns, a["rewards"], a["discounts"], a["nextValues"], a["traces"])

/// Every method with the arrays that it reads, called with arrays and single numbers by name.
let private methods: (string * string list * (Arguments -> unit)) list =
    let result () = Array.zeroCreate<float> 6
    let everywhere, first = Array.create 6 true, Array.zeroCreate<int> 6

    [
        "Lambda",
        [ "rewards"; "discounts"; "nextValues"; "traces"; "following" ],
        (fun a -> Returns.Lambda(steps a, a["following"], result ()))
        "Advantages",
        [ "rewards"; "values"; "discounts"; "nextValues"; "traces"; "following" ],
        (fun a -> Returns.Advantages(steps a, a["values"], a["following"], result ()))
        "NStep", [ "rewards"; "discounts"; "nextValues"; "traces" ], (fun a -> Returns.NStep(steps a, 2, result ()))
        "FullTrajectory",
        [ "returnsToGo"; "traces" ],
        fun a -> Returns.FullTrajectory<float>(columns, a["returnsToGo"], a["traces"], result ())
        "Discounted", [ "rewards" ], (fun a -> Returns.Discounted(0.9, a["rewards"]) |> ignore)
        "NextValues",
        [ "values"; "lastValues"; "finalValues" ],
        fun a ->
            Returns.NextValues<float>(columns, a["values"], a["lastValues"], everywhere, a["finalValues"], result ())
        "Ratios",
        [ "logTarget"; "logBehaviour" ],
        (fun a -> ImportanceSampling.Ratios<float>(a["logTarget"], a["logBehaviour"], result ()))
        "CumulativeRatios",
        [ "ratios"; "traces" ],
        (fun a -> ImportanceSampling.CumulativeRatios<float>(columns, a["ratios"], a["traces"], result ()))
        "Ordinary",
        [ "weights"; "returns" ],
        (fun a -> ImportanceSampling.Ordinary<float>(a["weights"], a["returns"]) |> ignore)
        "Weighted",
        [ "weights"; "returns" ],
        (fun a -> ImportanceSampling.Weighted<float>(a["weights"], a["returns"]) |> ignore)
        "PerDecision",
        [ "ratios"; "rewards"; "discounts"; "nextValues"; "traces" ],
        (fun a -> ImportanceSampling.PerDecision(steps a, a["ratios"], result ()))
        "DoublyRobust",
        [ "ratios"; "rewards"; "discounts"; "values"; "actionValues"; "nextValues"; "traces" ],
        (fun a -> ImportanceSampling.DoublyRobust(steps a, a["values"], a["actionValues"], a["ratios"], result ()))
        "ImportanceCorrectedErrors",
        [ "ratios"; "rewards"; "values"; "discounts"; "nextValues"; "traces" ],
        (fun a -> ImportanceSampling.ImportanceCorrectedErrors(steps a, a["values"], a["ratios"], result ()))
        "VTrace",
        [ "ratios"; "rewards"; "values"; "discounts"; "nextValues"; "traces" ],
        (fun a -> Corrections.VTrace(steps a, a["values"], a["ratios"], 1.0, result ()))
        "VTraceAdvantages",
        [ "ratios"; "rewards"; "values"; "discounts"; "nextValues"; "traces"; "errors" ],
        fun a ->
            Corrections.VTraceAdvantages(steps a, a["values"], a["ratios"], a["errors"], 1.0, 1.0, result (), result ())
        "GeneralOffPolicy",
        [ "rewards"; "discounts"; "nextValues"; "nextActionValues" ],
        (fun a ->
            // Traces that hold ratios may be greater than 1.
            Corrections.GeneralOffPolicy(steps (a.Add("traces", a["ratios"])), a["nextActionValues"], result ()))
        "Retrace",
        [ "rewards"; "discounts"; "nextValues"; "nextActionValues"; "nextRatios"; "traces" ],
        (fun a -> Corrections.Retrace(steps a, a["nextActionValues"], a["nextRatios"], result ()))
        "TreeBackup",
        [ "rewards"; "discounts"; "nextValues"; "nextActionValues"; "nextProbabilities"; "traces" ],
        (fun a -> Corrections.TreeBackup(steps a, a["nextActionValues"], a["nextProbabilities"], result ()))
        "QLambda",
        [ "rewards"; "discounts"; "nextActionValues"; "traces" ],
        fun a ->
            ActionValues.QLambda<float>(
                columns,
                1,
                a["rewards"],
                a["discounts"],
                a["nextActionValues"],
                a["traces"],
                result ()
            )
        "SarsaLambda",
        [ "rewards"; "discounts"; "nextActionValues"; "traces" ],
        fun a ->
            ActionValues.SarsaLambda<float>(
                columns,
                1,
                a["rewards"],
                a["discounts"],
                a["nextActionValues"],
                first,
                a["traces"],
                result ()
            )
        "Upgo",
        [ "rewards"; "values"; "discounts"; "nextValues"; "traces" ],
        (fun a -> ActionValues.Upgo(steps a, a["values"], result ()))
        "Differential",
        [ "rewards"; "nextValues"; "traces" ],
        (fun a -> ActionValues.Differential<float>(columns, 0.1, a["rewards"], a["nextValues"], a["traces"], result ()))
    ]

let private refused (what: string) (name: string) (fragments: string list) (action: unit -> unit) =
    let error = Record.Exception(fun () -> action ())

    match error with
    | :? ArgumentException as error when error.ParamName = name ->
        for fragment in fragments do
            Assert.Contains(fragment, error.Message)
    | null -> Assert.Fail $"{what} takes {name} as it is."
    | other -> Assert.Fail $"{what} blames something else than {name}: {other.Message}"

let private withElement name index (value: float) : Arguments =
    let changed = Array.copy sound[name]
    changed[index] <- value
    Map.add name changed sound

[<Fact>]
let ``numbers that are not finite are refused by argument and element`` () =
    for name, arrays, call in methods do
        call sound

        for array in arrays do
            for bad in [ nan; infinity ] do
                for index in [ 0; sound[array].Length - 1 ] do
                    refused name array [ $"{array}[{index}]"; $"{bad}" ] (fun () -> call (withElement array index bad))

[<Fact>]
let ``discounts and traces outside [0, 1] and negative ratios and weights are refused by argument and element`` () =
    for name, arrays, call in methods do
        for array in arrays do
            if List.contains array [ "discounts"; "traces"; "nextProbabilities" ] then
                for bad in [ -0.1; 1.1 ] do
                    refused name array [ $"{array}[1]"; "[0, 1]" ] (fun () -> call (withElement array 1 bad))

            if List.contains array [ "ratios"; "nextRatios"; "weights" ] then
                refused name array [ $"{array}[1]"; "negative" ] (fun () -> call (withElement array 1 -0.1))

[<Fact>]
let ``a target that never takes an action has ratio 0`` () =
    let result = Array.zeroCreate<float> 2
    let logTarget, logBehaviour = [| -infinity; 0.0 |], [| -1.0; 0.0 |]
    ImportanceSampling.Ratios<float>(logTarget, logBehaviour, result)
    Assert.Equal<float[]>([| 0.0; 1.0 |], result)

[<Fact>]
let ``a discount, a λ, a clip and a mixture out of range are refused by name, for arrays and for rollouts`` () =
    let six = Array.create 6 0.5
    let flags = Array.create 6 false
    let result, others = Array.zeroCreate<float> 6, Array.zeroCreate<float> 6
    let singles, two = Array.zeroCreate<float32> 6, [| 0.0; 0.0 |]

    for bad in [ -0.1; 1.1; nan; infinity ] do
        let number = $"{bad}"
        refused "Discounts" "discount" [ number ] (fun () -> Returns.Discounts<float>(bad, flags, result))

        refused "Discounts" "discount" [ number ] (fun () -> Returns.Discounts<float32>(float32 bad, flags, singles))

        refused "Discounted" "discount" [ number ] (fun () -> Returns.Discounted(bad, six) |> ignore)
        refused "Traces" "trace" [ number ] (fun () -> Returns.Traces<float>(bad, flags, flags, result))

        let advantages discount trace () =
            let rollout = RolloutSteps<float>(2, discount, trace, six, six, two, flags, flags, six)
            Returns.RolloutAdvantages(rollout, result)

        refused "RolloutAdvantages" "discount" [ number ] (advantages bad 0.9)
        refused "RolloutAdvantages" "trace" [ number ] (advantages 0.9 bad)

        let errors discount trace clip () =
            let rollout = RolloutSteps<float>(2, discount, trace, six, six, two, flags, flags, six)
            Corrections.RolloutVTrace(rollout, six, clip, result)

        refused "RolloutVTrace" "discount" [ number ] (errors bad 0.9 1.0)
        refused "RolloutVTrace" "trace" [ number ] (errors 0.9 bad 1.0)

        let leaky mixing clip () =
            Corrections.LeakyVTrace(Steps<float>(2, six, six, six, six), six, six, mixing, clip, result)

        let policy mixing clip () =
            let steps = Steps<float>(2, six, six, six, six)
            Corrections.VTraceAdvantages(steps, six, six, six, mixing, clip, result, others)

        refused "LeakyVTrace" "mixing" [ number ] (leaky bad 1.0)
        refused "VTraceAdvantages" "mixing" [ number ] (policy bad 1.0)

        if not (bad > 0.0) then
            refused "RolloutVTrace" "ratioClip" [ number ] (errors 0.9 0.9 bad)
            refused "LeakyVTrace" "ratioClip" [ number ] (leaky 1.0 bad)
            refused "VTraceAdvantages" "policyRatioClip" [ number ] (policy 1.0 bad)

    // No limit is a limit of infinity.
    let steps = Steps<float>(2, six, six, six, six)
    Corrections.LeakyVTrace(steps, six, six, 1.0, infinity, result)
    let unclipped = Array.copy result
    Corrections.LeakyVTrace(steps, six, six, 1.0, 1e9, result)
    Assert.Equal<float[]>(result, unclipped)

[<Fact>]
let ``what is not finite in a rollout is so in its advantages, where training looks for it`` () =
    let rewards, flags = [| 1.0f; 1.0f; nanf; 1.0f |], Array.create 4 false
    let zeros, last, result = Array.zeroCreate<float32> 4, [| 0.0f |], Array.zeroCreate<float32> 4
    let rollout = RolloutSteps<float32>(1, 0.9f, 0.9f, rewards, zeros, last, flags, flags, zeros)
    Returns.RolloutAdvantages(rollout, result)
    Assert.True(Array.forall Single.IsNaN result[..2])
    Assert.Equal(1.0f, result[3])
