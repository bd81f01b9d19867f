/// Walking and standing up in space: Ant, Humanoid and HumanoidStandup.
namespace Rl.Core.Environments.Robots

open System

/// What may vary in Ant, Humanoid and HumanoidStandup.
type internal WalkerOptions =
    {
        Settings: TaskSettings
        ForwardRewardWeight: float
        ControlCostWeight: float
        ContactCostWeight: float
        /// Bounds of each number of the contact forces (Ant) or of their cost (Humanoid).
        ContactRange: Bounds
        HealthyReward: float
        TerminateWhenUnhealthy: bool
        HealthyHeight: Bounds
        ResetNoiseScale: float
        /// Whether where the robot is along the ground is not seen.
        HidesPlace: bool
        SeesInertias: bool
        SeesVelocities: bool
        SeesActuation: bool
        SeesContacts: bool
        /// Contacts cost something.
        PaysContacts: bool
        /// The healthy reward is paid on the last step too, as in version 4.
        PaysLastStep: bool
        /// The zero rows of the world (and of the root's joint) are seen too, as in version 4.
        SeesWorld: bool
        /// The body whose place is measured: Ant's main body.
        MainBody: int
    }

    /// The first body whose forces, inertias and velocities are seen.
    member this.FirstBody = if this.SeesWorld then 0 else 1
    member this.Hidden = if this.HidesPlace then 2 else 0

/// A ball on four legs: the reward is the speed of its trunk along x, plus the healthy reward, less the squares of
/// controls and contact forces. Source: Gymnasium's `ant_v5.py`.
[<Sealed>]
type internal AntTask(options: WalkerOptions) =
    inherit RobotTask(options.Settings)
    let model = RobotModels.find options.Settings.Robot
    let positions, dofs = model.PositionCount, model.DofCount
    let seen = if options.SeesContacts then model.Bodies.Length - options.FirstBody else 0

    override _.ObservationSize = positions - options.Hidden + dofs + 6 * seen
    override _.MemorySize = 1
    override _.NeedsContactForces = options.SeesContacts || options.PaysContacts

    override _.Reset(position, velocity, rng) =
        let rng = TaskParts.addUniform (ReadOnlySpan model.Positions0) options.ResetNoiseScale position rng
        TaskParts.normal options.ResetNoiseScale velocity rng

    override _.Remember(w, memory) = memory[0] <- w.BodyPosition[options.MainBody].X

    override _.Observe(w, observation) =
        TaskParts.copyFrom w.Position options.Hidden TaskParts.noBounds observation
        let rest = observation.Slice(positions - options.Hidden)
        TaskParts.copyFrom w.Velocity 0 TaskParts.noBounds rest

        for index in 0 .. seen - 1 do
            let force = w.ContactForce[options.FirstBody + index]
            TaskParts.putSpatial options.ContactRange force (rest.Slice(dofs + 6 * index))

    override this.Judge(w, before, after, action) =
        let speed = (after[0] - before[0]) / this.Duration
        let height = w.Position[2]
        let isHealthy = options.HealthyHeight.Low <= height && height <= options.HealthyHeight.High
        let isPaid = isHealthy || options.PaysLastStep && options.TerminateWhenUnhealthy

        let contacts =
            if options.PaysContacts then
                options.ContactCostWeight * TaskParts.contactSquares options.ContactRange w
            else
                0.0

        let reward =
            options.ForwardRewardWeight * speed + (if isPaid then options.HealthyReward else 0.0)
            - options.ControlCostWeight * TaskParts.squares action
            - contacts

        struct (reward, options.TerminateWhenUnhealthy && not isHealthy)

/// A trunk with arms and legs: the reward is the speed of its centre of mass along x, plus the healthy reward, less the
/// squares of controls and contact forces. Source: Gymnasium's `humanoid_v5.py`.
type internal HumanoidTask(options: WalkerOptions) =
    inherit RobotTask(options.Settings)
    let model = RobotModels.find options.Settings.Robot
    let positions, dofs = model.PositionCount, model.DofCount
    let bodies = model.Bodies.Length - options.FirstBody
    let firstForce = if options.SeesWorld then 0 else 6

    override _.ObservationSize =
        positions - options.Hidden
        + dofs
        + (if options.SeesInertias then 10 * bodies else 0)
        + (if options.SeesVelocities then 6 * bodies else 0)
        + (if options.SeesActuation then dofs - firstForce else 0)
        + (if options.SeesContacts then 6 * bodies else 0)

    override _.MemorySize = 1
    override _.NeedsContactForces = options.SeesContacts || options.PaysContacts
    override _.NeedsBodies = options.SeesInertias || options.SeesVelocities

    override _.Reset(position, velocity, rng) =
        let rng = TaskParts.addUniform (ReadOnlySpan model.Positions0) options.ResetNoiseScale position rng
        velocity.Clear()
        TaskParts.addUniform (Span.op_Implicit velocity) options.ResetNoiseScale velocity rng

    // The centre of mass of the world's subtree is that of all bodies.
    override _.Remember(w, memory) = memory[0] <- w.SubtreeCentre[0].X

    override _.Observe(w, observation) =
        TaskParts.copyFrom w.Position options.Hidden TaskParts.noBounds observation
        let mutable place = positions - options.Hidden
        TaskParts.copyFrom w.Velocity 0 TaskParts.noBounds (observation.Slice place)
        place <- place + dofs

        if options.SeesInertias then
            for body in options.FirstBody .. model.Bodies.Length - 1 do
                SpatialInertia.copyTo w.Inertia[body] (observation.Slice place)
                place <- place + 10

        if options.SeesVelocities then
            for body in options.FirstBody .. model.Bodies.Length - 1 do
                TaskParts.putSpatial TaskParts.noBounds w.BodyVelocity[body] (observation.Slice place)
                place <- place + 6

        if options.SeesActuation then
            TaskParts.copyFrom w.Actuation firstForce TaskParts.noBounds (observation.Slice place)
            place <- place + dofs - firstForce

        if options.SeesContacts then
            for body in options.FirstBody .. model.Bodies.Length - 1 do
                TaskParts.putSpatial TaskParts.noBounds w.ContactForce[body] (observation.Slice place)
                place <- place + 6

    override this.Judge(w, before, after, action) =
        let speed = (after[0] - before[0]) / this.Duration
        let isHealthy = options.HealthyHeight.IsWithin w.Position[2]
        let isPaid = isHealthy || options.PaysLastStep && options.TerminateWhenUnhealthy

        let contacts =
            if options.PaysContacts then
                let cost = options.ContactCostWeight * TaskParts.contactSquares TaskParts.noBounds w
                options.ContactRange.Clip cost
            else
                0.0

        let reward =
            options.ForwardRewardWeight * speed + (if isPaid then options.HealthyReward else 0.0)
            - options.ControlCostWeight * TaskParts.squares action
            - contacts

        struct (reward, options.TerminateWhenUnhealthy && not isHealthy)

/// A humanoid that lies on its back: the reward is the height of its trunk over the time step of the simulation (not of
/// the task), plus 1, less the squares of controls and contact forces; nothing ends an episode but its time. Source:
/// Gymnasium's `humanoidstandup_v5.py`.
[<Sealed>]
type internal HumanoidStandupTask(options: WalkerOptions) =
    inherit HumanoidTask(options)
    let timestep = (RobotModels.find options.Settings.Robot).Options.Timestep

    override _.MemorySize = 0
    override _.Remember(_, _) = ()

    override _.Judge(w, _, _, action) =
        let impact = options.ContactCostWeight * TaskParts.contactSquares TaskParts.noBounds w

        let reward =
            options.ForwardRewardWeight * w.Position[2] / timestep + options.HealthyReward
            - options.ControlCostWeight * TaskParts.squares action
            - options.ContactRange.Clip impact

        struct (reward, false)
