/// Several independent policies side by side: the outputs, then the actions, of each in turn.
namespace Rl.Core.Acting

open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Networks

[<RequireQualifiedAccess>]
module JointPolicy =

    let internal name = "joint"

    /// ln σ of all parts as one vector: their normals start from the same number, and no part has other parameters.
    let private parameters (parts: ActionDistribution list) : Layout =
        let blocks = parts |> List.collect (fun part -> List.ofSeq part.Parameters.Blocks)

        if parts |> List.exists (fun part -> part.Parameters.Count <> part.Deviations) then
            Guard.fail (nameof parts) "A joint policy has no parts with parameters other than deviations."

        match blocks |> List.map _.Initialiser |> List.distinct with
        | [] -> Layout.empty
        | [ initialiser ] ->
            Layout.empty
            |> Layout.add ActionDistribution.DeviationBlock [| parts |> List.sumBy _.Deviations |] initialiser
        | several ->
            Guard.fail
                (nameof parts)
                $"The normals of the head start from different deviations, %A{several}; let them be equal."

    let private maskOutput places (mask: Expr) (output: ActorOutput) =
        let masked =
            places
            |> List.map (fun ((part: ActionDistribution, outputs), (_, choices, deviations)) ->
                let own = ActionDistribution.partOutput part outputs deviations output

                if part.Choices = 0 then
                    own.Policy
                else
                    (part.MaskOutput (ActionDistribution.cut choices part.Choices mask) own).Policy)

        { output with Policy = Expr.concat -1 masked }

    /// Each part chooses by its own outputs, its part of the mask and of the numbers that actions are drawn from.
    let private choice places (parts: ActionDistribution list) : ActionChoice =
        let starts (size: ActionChoice -> int) =
            parts |> List.map (fun part -> size part.Choice) |> List.scan (+) 0 |> List.take parts.Length

        // A part, its mask and outputs, and where its numbers begin: values, since Native AOT does not compile
        // functions of so many arguments.
        let divided (mask: Expr option) output =
            List.map3
                (fun ((part: ActionDistribution, outputs), (_, choices, deviations)) uniform normal ->
                    let own =
                        if part.Choices = 0 then
                            None
                        else
                            mask |> Option.map (ActionDistribution.cut choices part.Choices)

                    struct (part, own, ActionDistribution.partOutput part outputs deviations output, uniform, normal))
                places
                (starts _.Uniforms)
                (starts _.Normals)

        {
            Mode =
                fun mask output ->
                    divided mask output
                    |> List.map (fun (struct (part, own, output, _, _)) -> part.Choice.Mode own output)
                    |> Expr.concat -1
            Uniforms = parts |> List.sumBy _.Choice.Uniforms
            Normals = parts |> List.sumBy _.Choice.Normals
            Draw =
                fun mask output (struct (uniform, normal)) ->
                    divided mask output
                    |> List.map (fun (struct (part, own, output, ofUniform, ofNormal)) ->
                        let uniform = ActionDistribution.cut ofUniform part.Choice.Uniforms uniform
                        let normal = ActionDistribution.cut ofNormal part.Choice.Normals normal
                        part.Choice.Draw own output (struct (uniform, normal)))
                    |> Expr.concat -1
        }

    /// The policy over one action of each part.
    let create (parts: ActionDistribution list) : ActionDistribution =
        if parts.IsEmpty then
            Guard.fail (nameof parts) "A joint policy needs at least one part."

        let places = ActionDistribution.places parts

        {
            Format = { Name = name; Sizes = []; Numbers = []; Parts = parts |> List.map _.Format }
            Outputs = parts |> List.sumBy _.Outputs
            ActionSize = parts |> List.sumBy _.ActionSize
            Choices = parts |> List.sumBy _.Choices
            Deviations = parts |> List.sumBy _.Deviations
            Parameters = parameters parts
            Parts = parts
            Spread =
                if parts |> List.exists (fun part -> part.Deviations > 0) then
                    ActionDistribution.ownSpread
                else
                    ActionDistribution.noSpread
            MaskOutput = maskOutput places
            Evaluate =
                fun output actions ->
                    places
                    |> List.map (fun ((part, outputs), (first, _, deviations)) ->
                        part.Evaluate
                            (ActionDistribution.partOutput part outputs deviations output)
                            (ActionDistribution.cut first part.ActionSize actions))
                    |> List.reduce (fun (struct (a, b)) (struct (c, d)) -> struct (a + c, b + d))
            Kl =
                fun p q ->
                    List.map2
                        (fun (part, p) (_, q) -> part.Kl p q)
                        (ActionDistribution.partsIn parts p)
                        (ActionDistribution.partsIn parts q)
                    |> List.reduce (+)
            Mask =
                MaskOutputs(fun possible outputs ->
                    let mutable output, choice = 0, 0

                    for part in parts do
                        if part.Choices > 0 then
                            part.Mask.Invoke(possible.Slice(choice, part.Choices), outputs.Slice(output, part.Outputs))

                        output <- output + part.Outputs
                        choice <- choice + part.Choices)
            Sample =
                SampleAction(fun outputs logStandardDeviation action rng ->
                    let mutable rng, total, output, first, deviation = rng, 0.0f, 0, 0, 0

                    for part in parts do
                        let struct (logProbability, next) =
                            part.Sample.Invoke(
                                outputs.Slice(output, part.Outputs),
                                logStandardDeviation.Slice(deviation, part.Deviations),
                                action.Slice(first, part.ActionSize),
                                rng
                            )

                        rng <- next
                        total <- total + logProbability
                        output <- output + part.Outputs
                        first <- first + part.ActionSize
                        deviation <- deviation + part.Deviations

                    struct (total, rng))
            Mode =
                ModeAction(fun outputs action ->
                    let mutable output, first = 0, 0

                    for part in parts do
                        part.Mode.Invoke(outputs.Slice(output, part.Outputs), action.Slice(first, part.ActionSize))
                        output <- output + part.Outputs
                        first <- first + part.ActionSize)
            Choice = choice places parts
            Noise = None
        }
