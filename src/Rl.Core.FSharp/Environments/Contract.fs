/// Whether an environment keeps its contract: every environment of the library does, and a user's own can be asked.
namespace Rl.Core.Environments

open System

/// Questions about environments. Nothing here throws for a broken environment: what is wrong is in the findings.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Environment =

    /// 500 steps of 4 copies, from the seed 0.
    let contractDefaults: ContractOptions = { Seed = 0UL; Steps = 500; Copies = 4 }

    let private requireOptions (options: ContractOptions) =
        Rl.Core.Foundations.Guard.positive "Steps" options.Steps
        Rl.Core.Foundations.Guard.positive "Copies" options.Copies

    /// Everything that breaks the contract in batches that `create` makes with a given number of copies, each call a
    /// new one: a user's environments, wrapped ones. Violations come first. The batches are stepped on the calling
    /// thread.
    let checkBatch (options: ContractOptions) (create: int -> BatchEnvironment) : ContractFinding list =
        requireOptions options
        let findings = Findings()
        BatchContract(findings, options, create).Run()
        findings.ToList()

    /// Everything that breaks the contract in a pure environment: spaces honoured, numbers finite, the same seed the
    /// same episode, a step of a copy the step of the original, wrong actions and terminal states refused, truncation
    /// by limits alone, masks with a possible choice, rendering and snapshots without traces, batches equal to single
    /// steps.
    let checkContract
        (options: ContractOptions)
        (environment:
            IEnvironment<'State>
                when 'State: unmanaged and 'State: struct and 'State: (new: unit -> 'State) and 'State :> ValueType)
        : ContractFinding list =
        requireOptions options
        let findings = Findings()

        let declared =
            findings.Attempt(
                "A declaration",
                "declaration",
                fun () ->
                    let observations, actions = environment.ObservationSpace.Size, environment.ActionSpace.Size
                    struct (observations, actions, environment.MaxEpisodeSteps)
            )

        match declared with
        | ValueNone -> ()
        | ValueSome(struct (_, _, limit)) when limit < 0 ->
            findings.Violation(
                ContractRule.Declaration,
                "limit",
                "declaration",
                $"MaxEpisodeSteps is {limit}.",
                "Use 0 for no limit."
            )
        | ValueSome _ ->
            PureContract(findings, options, environment).Run()
            BatchContract(findings, options, fun count -> Vectorised(environment, count)).Run()

        findings.ToList()

    /// `checkContract` of an environment whose state's type is hidden, as in the registry.
    let check (options: ContractOptions) (environment: AnyEnvironment) : ContractFinding list =
        environment.Accept
            { new IEnvironmentVisitor<ContractFinding list> with
                member _.Visit environment = checkContract options environment
            }
