/// The contract of a batch of environments, whatever it is made of.
namespace Rl.Core.Environments

open System
open System.Collections.Generic
open Rl.Core.Foundations

/// Checks on batches that a function makes anew; it is called with the number of copies. They are released at the end.
[<Sealed>]
type internal BatchContract(findings: Findings, options: ContractOptions, make: int -> BatchEnvironment) =
    let key = Rng.create options.Seed
    let walk = BatchWalk(findings, options)
    let made = List<BatchEnvironment>()

    let create count =
        let batch = make count
        made.Add batch
        batch

    /// A batch like the one of the first walk before it.
    let fresh () =
        let batch = create options.Copies
        batch.Reset key
        batch

    /// The step at which two walks first differ, from 1.
    let firstDifference (one: BatchTrace list) (two: BatchTrace list) =
        List.zip one two |> List.tryFindIndex (fun (a, b) -> a <> b) |> Option.map ((+) 1)

    let compare rule key problem remedy one two =
        match firstDifference one two with
        | Some step -> findings.Violation(rule, key, $"step {step} of a batch", problem, remedy)
        | None -> ()

    let checkDeclaration (batch: BatchEnvironment) =
        let complain key problem remedy =
            findings.Violation(ContractRule.Declaration, key, "declaration", problem, remedy)

        if String.IsNullOrWhiteSpace batch.Id then
            complain "id" "the id is empty." "Give the environment a name."

        if batch.MaxEpisodeSteps < 0 then
            complain "limit" $"MaxEpisodeSteps is {batch.MaxEpisodeSteps}." "Use 0 for no limit."

        if batch.ObservationSize <> batch.ObservationSpace.Size || batch.ActionSize <> batch.ActionSpace.Size then
            complain
                "sizes"
                ($"the sizes {batch.ObservationSize} and {batch.ActionSize} are not those of "
                 + $"{batch.ObservationSpace} and {batch.ActionSpace}.")
                "Return the sizes of the spaces."

        GoalContract.checkDeclaration findings batch

    let checkReproducibility (steps: int) (first: BatchTrace list) (batch: BatchEnvironment) =
        let remedy = "Take all randomness from the seed of Reset, and reset every field there."
        // Wrappers that learn go on learning in a second walk.
        let again =
            if batch.Statistics.IsEmpty then
                walk.Plain(batch, "second walk", steps)
            else
                first

        compare
            ContractRule.Reproducibility
            "again"
            "a second reset with the same seed, and the same actions, give other numbers."
            remedy
            first
            again

        let fresh = walk.Plain(fresh (), "fresh walk", steps)

        if again = first then
            compare
                ContractRule.Reproducibility
                "fresh"
                "a fresh copy with the same seed, and the same actions, gives other numbers."
                remedy
                first
                fresh

        again = first && fresh = first

    /// A user's environment that says of one step that it terminated and truncated the episode: batches show the
    /// first alone.
    let checkEnds (batch: BatchEnvironment) =
        match batch.Innermost with
        | :? External as external when external.EndsTwice -> ContractValues.endsTwice findings "walk"
        | _ -> ()

    let checkActions (batch: BatchEnvironment) =
        let buffers = batch.AllocateBuffers()

        for text, wrong in ContractValues.wrongActions batch.ActionSpace do
            batch.Reset key
            let struct (actions, _) = walk.Actions(batch, "reset", Rng.create 5UL)
            Array.blit wrong 0 actions ((batch.Count - 1) * batch.ActionSize) wrong.Length

            findings.Refuses<ArgumentException>(
                ContractRule.Actions,
                "step 1 of a batch",
                $"stepping with the action {text}",
                false,
                fun () -> batch.StepAll(ReadOnlySpan actions, buffers)
            )

    let checkSnapshots (batch: BatchEnvironment) =
        walk.Plain(batch, "walk to a snapshot", min 10 options.Steps) |> ignore
        let snapshot = batch.Capture()
        let original = walk.GoOn batch
        batch.Restore snapshot
        let restored = walk.GoOn batch
        batch.Restore snapshot
        let again = walk.GoOn batch
        let remedy = "Let Clone, or Capture of a batch, copy all that later steps depend on."

        compare ContractRule.Snapshots "twice" "two continuations of one snapshot differ." remedy restored again

        // Instances of users that do not clone keep their state to themselves: a restored batch of them starts new
        // episodes.
        if batch.RestoresEpisodes then
            compare
                ContractRule.Snapshots
                "continuation"
                "a restored batch continues with other numbers than the captured one."
                remedy
                original
                restored

    let checkRanges (batch: BatchEnvironment) =
        if not batch.IsCoupled && batch.Count > 1 then
            let other = create batch.Count
            let buffers, halves = batch.AllocateBuffers(), other.AllocateBuffers()
            let half = batch.Count / 2
            batch.Reset key
            other.Reset key
            let mutable rng = Rng.create (options.Seed + 3UL)

            let pairs =
                [
                    for step in 1 .. min 20 options.Steps do
                        let struct (actions, next) = walk.Actions(batch, $"batch in parts, step {step}", rng)
                        rng <- next
                        batch.StepAll(ReadOnlySpan actions, buffers)
                        other.Step(half, batch.Count - half, ReadOnlySpan actions, halves)
                        other.Step(0, half, ReadOnlySpan actions, halves)
                        walk.TraceOf buffers, walk.TraceOf halves
                ]

            let whole, parts = List.unzip pairs

            compare
                ContractRule.Batches
                "ranges"
                "a batch that is stepped in two parts gives other numbers."
                "Let nothing of one copy depend on another, or say IsCoupled."
                whole
                parts

    let checkRendering (isReproducible: bool) (first: BatchTrace list) (batch: BatchEnvironment) =
        let place = "reset of a batch"
        batch.Reset key
        let before = batch.Capture()
        let picture = findings.Attempt("Render", place, (fun () -> batch.Render 0))

        match picture with
        | ValueSome(ValueSome scene) when scene.Width <= 0 || scene.Height <= 0 ->
            findings.Violation(
                ContractRule.Rendering,
                "size",
                place,
                $"the picture is {scene.Width} x {scene.Height}.",
                "Draw into a positive size."
            )
        | ValueSome(ValueSome scene) when scene.Figures.IsEmpty ->
            findings.Advice(
                ContractRule.Rendering,
                "empty",
                place,
                "the picture shows nothing.",
                "Return the scene that the last figure gave: a scene does not change, each figure makes another."
            )
        | _ -> ()

        let changes () =
            findings.Violation(
                ContractRule.Rendering,
                "changes",
                place,
                "rendering changed the batch.",
                "Let Render read and nothing else."
            )

        // Clones are different objects; whether they differ shows in what they do.
        if { batch.Capture() with Instances = [] } <> { before with Instances = [] } then
            changes ()
        elif isReproducible && (picture |> ValueOption.exists _.IsSome) then
            let steps = min 20 first.Length

            if walk.Rendered(fresh (), "drawn walk", steps) <> List.truncate steps first then
                changes ()

    let release (batch: BatchEnvironment) =
        try
            batch.Release()
        with error ->
            findings.Threw("Dispose", "end of the check", error)

    /// Runs every check; a fault in one does not hinder the others, and what needs an earlier one is left out when
    /// that fails.
    member _.Run() =
        let guarded what check = findings.Attempt(what, "a batch", check)

        match guarded "The factory" (fun () -> create options.Copies) with
        | ValueNone -> ()
        | ValueSome batch ->
            guarded "A declaration" (fun () -> checkDeclaration batch) |> ignore

            if (guarded "Reset" (fun () -> batch.Reset key)).IsSome then
                let first = guarded "Step" (fun () -> walk.Checked(batch, "walk", options.Steps))
                checkEnds batch

                let isReproducible =
                    match first with
                    | ValueSome trace ->
                        guarded "Step" (fun () -> checkReproducibility options.Steps trace batch)
                        |> ValueOption.defaultValue false
                    | ValueNone -> false

                guarded "Step" (fun () -> checkActions batch) |> ignore

                // Two walks that differ anyhow tell nothing of snapshots and parts.
                if isReproducible then
                    guarded "Clone" (fun () -> checkSnapshots batch) |> ignore
                    guarded "Step" (fun () -> checkRanges batch) |> ignore

                let trace = ValueOption.defaultValue [] first
                guarded "Render" (fun () -> checkRendering isReproducible trace batch) |> ignore

        Seq.iter release made
