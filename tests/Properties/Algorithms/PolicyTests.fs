/// Policies of every action space: what is evaluated is what is drawn, and what is forbidden never happens.
module Rl.Tests.Algorithms.PolicyTests

open System
open FsCheck
open FsCheck.FSharp
open FsCheck.Xunit
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Networks

/// An action space, outputs and deviations for one row, a mask that leaves each component a choice, and a key.
type PolicyCase = { Space: Space; Outputs: float32[]; Deviations: float32[]; Mask: bool[]; Key: uint64 }

let private leaf =
    Gen.oneof
        [
            Gen.choose (1, 4) |> Gen.map Space.discrete
            Gen.choose (1, 3)
            |> Gen.bind (fun size -> Gen.arrayOfLength size (Gen.choose (1, 4)))
            |> Gen.map Space.multiDiscrete
            Gen.choose (1, 3) |> Gen.map (fun size -> Space.multiBinary [| size |])
            Gen.choose (1, 3) |> Gen.map (fun size -> Space.boxOf -1.0 2.0 [| size |])
        ]

let private space =
    Gen.oneof [ leaf; Gen.choose (1, 3) |> Gen.bind (fun count -> Gen.listOfLength count leaf) |> Gen.map Space.tuple ]

/// The numbers of choices of the components that a mask is about.
let rec private components (space: Space) =
    match space with
    | Space.Discrete(count, _) -> [ count ]
    | Space.MultiDiscrete(counts, _) -> List.ofArray counts
    | Space.MultiBinary _ -> List.replicate space.Size 2
    | _ -> space.Parts |> List.collect (fun (_, part) -> components part)

let private single = Gen.choose (-3000, 3000) |> Gen.map (fun value -> float32 value / 1000.0f)

let private mask count =
    gen {
        let! possible = Gen.arrayOfLength count (Gen.elements [ true; true; false ])
        let! sure = Gen.choose (0, count - 1)
        return possible |> Array.mapi (fun index isPossible -> isPossible || index = sure)
    }

let private case =
    gen {
        let! space = space
        let head = Policy.headFor 0.0 space
        let! outputs = Gen.arrayOfLength head.Outputs single
        let! deviations = Gen.arrayOfLength head.Deviations single
        let! masks = components space |> List.map mask |> Gen.collectToList id
        let! key = Gen.choose (1, 1000000)

        return
            {
                Space = space
                Outputs = outputs
                Deviations = deviations
                Mask = Array.concat masks
                Key = uint64 key
            }
    }

type PolicyCases =
    static member Case() = Arb.fromGen case

let private output (head: ActionDistribution) (logits: Expr) (deviations: float32[]) : ActorCriticOutput =
    {
        Policy = logits
        LogStandardDeviation =
            if head.Deviations > 0 then
                Some(Expr.vector (Array.map float deviations))
            else
                None
        Features = None
        Value = Expr.number 0.0
    }

let private row (values: float32[]) = Expr.constant (Tensor.create [| 1; values.Length |] (Array.map float values))

/// The log-probability and entropy of an action under the masked policy, as expressions of the outputs.
let private evaluate (case: PolicyCase) (action: float32[]) (logits: Expr) =
    let head = Policy.headFor 0.0 case.Space
    let raw = output head logits case.Deviations
    let bits = case.Mask |> Array.map (fun isPossible -> if isPossible then 1.0f else 0.0f)
    let masked = if bits.Length = 0 then raw else Policy.maskOutput head (row bits) raw
    Policy.evaluate head masked (row action)

let private draw (case: PolicyCase) =
    let head = Policy.headFor 0.0 case.Space
    let outputs = Array.copy case.Outputs
    Policy.mask head (ReadOnlySpan case.Mask) (Span outputs)
    let action = Array.zeroCreate<float32> case.Space.Size

    let struct (logProbability, _) =
        Policy.sample head (ReadOnlySpan outputs) (ReadOnlySpan case.Deviations) (Span action) (Rng.create case.Key)

    let mode = Array.zeroCreate<float32> case.Space.Size
    Policy.mode head (ReadOnlySpan outputs) (Span mode)
    action, mode, logProbability

/// Whether each integer and bit of a policy action is one that the mask allows.
let rec private isAllowed (case: PolicyCase) (action: float32[]) =
    let rec visit (space: Space) offset choice =
        match space with
        | Space.Box _ -> true
        | Space.Discrete _ -> case.Mask[choice + int action[offset]]
        | Space.MultiDiscrete(counts, _) ->
            let starts = Array.scan (+) choice counts
            Array.forall (fun i -> case.Mask[starts[i] + int action[offset + i]]) [| 0 .. counts.Length - 1 |]
        | Space.MultiBinary _ ->
            Array.forall (fun i -> case.Mask[choice + 2 * i + int action[offset + i]]) [| 0 .. space.Size - 1 |]
        | _ ->
            let sizes = space.Parts |> List.map (fun (_, part) -> part)
            let offsets = List.scan (fun o (p: Space) -> o + p.Size) offset sizes
            let choices = List.scan (fun c (p: Space) -> c + p.Choices) choice sizes
            List.forall2 (fun part (o, c) -> visit part o c) sizes (List.zip offsets choices |> List.take sizes.Length)

    visit case.Space 0 0

[<Properties(Arbitrary = [| typeof<PolicyCases> |], MaxTest = 200, Replay = "(11,3)")>]
module Laws =

    [<Property>]
    let ``the log-probability of a drawn action is the one that learning computes`` (case: PolicyCase) =
        let action, _, logProbability = draw case
        let struct (expected, _) = evaluate case action (row case.Outputs)
        abs (float logProbability - (Reference.evaluate expected)[0]) < 1e-3

    [<Property>]
    let ``an action that the mask forbids is neither drawn nor the mode`` (case: PolicyCase) =
        let action, mode, _ = draw case
        isAllowed case action && isAllowed case mode

    [<Property>]
    let ``outputs of forbidden choices have no derivative`` (case: PolicyCase) =
        let action, _, _ = draw case
        let point = row case.Outputs

        let gradient =
            Reference.evaluate (
                Diff.grad
                    (fun logits ->
                        let struct (logProbability, entropy) = evaluate case action logits
                        Expr.sum logProbability + Expr.sum entropy)
                    point
            )

        let rec forbidden (space: Space) output choice =
            match space with
            | Space.Discrete _
            | Space.MultiDiscrete _ ->
                [ for i in 0 .. space.Choices - 1 -> if case.Mask[choice + i] then None else Some(output + i) ]
            | Space.MultiBinary _ ->
                [
                    for i in 0 .. space.Size - 1 ->
                        if case.Mask[choice + 2 * i] && case.Mask[choice + 2 * i + 1] then
                            None
                        else
                            Some(output + i)
                ]
            | Space.Box _ -> []
            | _ ->
                let parts = space.Parts |> List.map snd
                let outputs = List.scan (fun o p -> o + (Policy.headFor 0.0 p).Outputs) output parts
                let choices = List.scan (fun c (p: Space) -> c + p.Choices) choice parts

                List.zip parts (List.zip outputs choices |> List.take parts.Length)
                |> List.collect (fun (part, (o, c)) -> forbidden part o c)

        forbidden case.Space 0 0 |> List.choose id |> List.forall (fun index -> gradient[index] = 0.0)

    [<Property>]
    let ``the environment's action lies in its space`` (case: PolicyCase) =
        let action, mode, _ = draw case
        let result = Array.zeroCreate<float32> action.Length

        [ action; mode ]
        |> List.forall (fun chosen ->
            Policy.toEnvironment
                (Policy.actionMap ActionScaling.Bounds case.Space)
                case.Space
                (ReadOnlySpan chosen)
                (Span result)

            case.Space.Contains(ReadOnlySpan result))
